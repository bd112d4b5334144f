import itertools

import numpy as np
import pytest
import torch

from helpers.data.simulated.face_parts import KINDS, STYLES, VIEW, face_layers, names_of, rgb
from helpers.data.simulated.faces import ATTRIBUTES, TONES, People, draw_faces, draw_traits, drawn_faces
from helpers.errors import StudyError


@pytest.fixture(autouse=True)
def one_cache(outputs, monkeypatch, tmp_path_factory):
    """Parts are rendered once for all tests here."""
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.getbasetemp() / "face_parts"))


def test_layers_of_any_colour_add_up_to_the_package_s_own_picture():
    import io

    import python_avatars as avatars
    import resvg_py
    from PIL import Image

    parts = {"body": "BODY", "clothes": "HOODIE", "mouth": "SERIOUS", "nose": "WIDE", "eyes": "SIDE",
             "brows": "FLAT_NATURAL", "hair": "SHORT_WAVED", "glasses": "ROUND"}  # fmt: skip
    colours = {"body": "#AE5D29", "clothes": "#3388aa", "hair": "#b58143"}
    text = avatars.Avatar(
        style=avatars.AvatarStyle.TRANSPARENT, clothing=avatars.ClothingType.HOODIE, mouth=avatars.MouthType.SERIOUS,
        nose=avatars.NoseType.WIDE, eyes=avatars.EyeType.SIDE, eyebrows=avatars.EyebrowType.FLAT_NATURAL,
        top=avatars.HairType.SHORT_WAVED, accessory=avatars.AccessoryType.ROUND, skin_color=colours["body"],
        clothing_color=colours["clothes"], hair_color=colours["hair"], facial_hair=avatars.FacialHairType.NONE,
    ).render()  # fmt: skip
    left, top, side = VIEW
    size = 'width="264px" height="280px" viewBox="0 0 264 280"'
    assert size in text
    text = text.replace(size, f'width="{side}" height="{side}" viewBox="{left} {top} {side} {side}"', 1)
    png = resvg_py.svg_to_bytes(svg_string=text, width=96, height=96, skip_system_fonts=True, background="#ffffff")
    whole = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).transpose(2, 0, 1) / 255
    seen = torch.ones(3, 96, 96)
    for kind, layer in face_layers(96).items():
        if kind not in parts:
            continue
        i = layer.names.index(parts[kind])
        colour = torch.tensor(rgb([colours.get(kind, "#000000")]))[0, :, None, None]
        window = seen[:, layer.top : layer.top + layer.alpha.shape[2], layer.left : layer.left + layer.alpha.shape[3]]
        window.copy_(window * (1 - layer.alpha[i]) + layer.base[i] + layer.tint[i] * colour)
    difference = np.abs(seen.numpy() - whole)
    assert difference.mean() < 1 / 255
    assert (difference.max(0) > 0.1).mean() < 0.02  # along the rims of the glasses, half a pixel wide


def test_a_picture_depends_on_its_own_row_and_looks_the_same_at_every_size():
    traits = draw_traits({"train": People(4)}, 2, seed=3)
    images = draw_faces(traits, 48)
    assert torch.equal(draw_faces(traits.iloc[[5]], 48)[0], images[5])
    again = draw_traits({"train": People(9), "test": People(3)}, 2, seed=3)
    first, rest = (t[t["split"] == "train"].head(2).drop(columns=["tone", "group"]) for t in (traits, again))
    geometry = [c for c in first.columns if not c.startswith("skin")]
    assert first[geometry].equals(rest[geometry])  # whatever other people there are
    large = torch.nn.functional.interpolate(draw_faces(traits, 96).float(), (48, 48), mode="area")
    assert (large - images.float()).abs().mean() < 2.0  # of 255


def test_tones_meet_their_shares_and_attributes_do_not_depend_on_them():
    traits = draw_traits({"train": People(200, (0.5, 0.2, 0.15, 0.1, 0.05))}, 3)
    people = traits.drop_duplicates("subject")
    assert people["group"].value_counts().reindex(TONES).tolist() == [100, 40, 30, 20, 10]
    assert (traits.groupby("subject")[["tone", "facial_hair", "long_hair", "hair"]].nunique() == 1).all(axis=None)
    for name in ATTRIBUTES:
        assert 0.35 < traits[name].mean() < 0.65
        assert abs(np.corrcoef(traits[name], traits["tone"])[0, 1]) < 0.2


def test_darker_tones_are_drawn_darker():
    traits = draw_traits({"train": People(60)}, 1)
    skin = traits[["skin_r", "skin_g", "skin_b"]].mean(axis=1)
    lightness = [skin[traits["tone"] == tone] for tone in range(5)]
    assert all(a.min() > b.max() for a, b in itertools.pairwise(lightness))


@pytest.mark.parametrize(
    ("attribute", "column", "without"), [("glasses", "spectacles", -1), ("facial_hair", "beard", -1)]
)
def test_an_attribute_is_seen_in_the_picture_and_nothing_else_changes(attribute: str, column: str, without: int):
    traits = draw_traits({"train": People(12)}, 1)
    having = traits[traits[attribute] == 1]
    assert (traits.loc[traits[attribute] == 0, column] == without).all()
    change = (draw_faces(having, 64).int() - draw_faces(having.assign(**{column: without}), 64).int()).abs().amax(1)
    touched = (change > 8).flatten(1).float().mean(1)
    assert (touched > 0.01).all()
    assert (touched < 0.35).all()


def test_the_two_styles_share_no_hair_clothes_eyes_or_colours():
    one, other = STYLES["everyday"], STYLES["costume"]
    for name in ("long_hair", "short_hair", "clothes", "eyes", "tones", "hair_colours", "cloth_colours"):
        assert not set(getattr(one, name)) & set(getattr(other, name))
    assert all(len(set(names_of(kind))) == len(names_of(kind)) for kind in KINDS)


def test_the_corpus_hides_labels_of_unlabelled_people_and_knows_the_truth():
    corpus = drawn_faces({"train": People(5), "unlabelled": People(5), "test": People(5)}, pictures=2, size=16)
    table = corpus.table
    assert table.loc[table["split"] == "unlabelled", list(ATTRIBUTES)].isna().all(axis=None)
    known = table[table["split"] != "unlabelled"]
    assert (known["smile"] == known["exact_smile"]).all()
    assert corpus.load(np.array([3, 0])).shape == (2, 3, 16, 16)
    assert corpus.simulated
    again = drawn_faces({"train": People(5), "unlabelled": People(5), "test": People(5)}, pictures=2, size=16)
    rows = np.arange(len(corpus))
    assert torch.equal(corpus.load(rows), again.load(rows))
    assert again.fingerprint == corpus.fingerprint


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": {"training": People(3)}}, {"people": {"train": People(0)}}, {"size": 8}, {"pictures": 0},
        {"style": "cubist"}, {"people": {"train": People(3, (0.5, 0.5, 0.5, 0, 0))}},
        {"people": {"train": People(3, (1.0,))}},
    ],
)  # fmt: skip
def test_impossible_numbers_are_refused_in_one_line(wrong):
    with pytest.raises(StudyError, match="drawn faces"):
        drawn_faces(**({"people": {"train": People(3)}} | wrong))
