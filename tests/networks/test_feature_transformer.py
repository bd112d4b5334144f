"""The transformer over features: absent values do not leak, order of rows does not matter."""

import pytest
import torch

from helpers.networks.feature_transformer import FeatureTransformer, RowDropout, TransformerBlock


def rows(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.cat([torch.randn(count, 3), torch.randint(0, 2, (count, 1)).float()], dim=1)
    return values, torch.rand(count, 4) < 0.7


def test_an_absent_value_cannot_be_seen() -> None:
    torch.manual_seed(0)
    network = FeatureTransformer(3, [2], layers=2).eval()
    values, present = rows()
    other = torch.where(present, values, torch.ones_like(values))
    torch.testing.assert_close(network(values, present), network(other, present))


def test_a_present_value_can_be_seen_and_differs_from_an_absent_one() -> None:
    torch.manual_seed(0)
    network = FeatureTransformer(3, [2]).eval()
    values, present = torch.zeros(1, 4), torch.ones(1, 4, dtype=torch.bool)
    for feature in range(4):
        moved, gone = values.clone(), present.clone()
        moved[0, feature], gone[0, feature] = 1.0, False
        assert (network(moved, present) - network(values, present)).abs().max() > 1e-4
        assert (network(values, gone) - network(values, present)).abs().max() > 1e-4


def test_the_cls_shortcut_equals_the_full_pass() -> None:
    torch.manual_seed(0)
    network = FeatureTransformer(3, [2], layers=2).eval()
    values, present = rows()
    torch.testing.assert_close(network(values, present), network.tokens(values, present)[:, 0])


def test_attention_equals_torch_s_own_layer() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(8, heads=2, feed_forward=16, dropout=0.0).eval()
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([block.query.weight, block.key_value.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([block.query.bias, block.key_value.bias]))
        for mine, other in (
            (block.attention_out, theirs.self_attn.out_proj), (block.feed[0], theirs.linear1),
            (block.feed[3], theirs.linear2), (block.attention_norm, theirs.norm1), (block.feed_norm, theirs.norm2),
        ):  # fmt: skip
            other.load_state_dict(mine.state_dict())
    tokens = torch.randn(3, 5, 8)
    torch.testing.assert_close(block(tokens), theirs(tokens), rtol=1e-4, atol=1e-5)


def test_rows_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = FeatureTransformer(3, [2]).eval()
    values, present = rows()
    torch.testing.assert_close(network(values, present)[2:3], network(values[2:3], present[2:3]))


def test_dropout_drops_whole_channels_of_a_row_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    out = RowDropout(0.25).train()(torch.ones(4000, 3, 5))
    assert (out == out[:, :1]).all()
    assert abs(float(out.mean()) - 1) < 0.02
    assert RowDropout(0.25).eval()(torch.ones(2, 3, 5)).eq(1).all()


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of heads"):
        TransformerBlock(10, heads=4, feed_forward=8, dropout=0.0)


def test_numbers_alone_and_categories_alone_work() -> None:
    assert FeatureTransformer(2, [])(torch.randn(3, 2), torch.ones(3, 2, dtype=torch.bool)).shape == (3, 32)
    assert FeatureTransformer(0, [3])(torch.zeros(3, 1), torch.ones(3, 1, dtype=torch.bool)).shape == (3, 32)
