"""TextGrids: long and short form, UTF-8 and UTF-16, quotes in texts, point tiers, damaged files."""

from pathlib import Path

import pytest

from helpers.data.textgrids import Interval, read_textgrid
from helpers.errors import StudyError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "say ""so"" 2 times"
    item [2]:
        class = "TextTier"
        name = "points"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.7
            mark = "here"
    item [3]:
        class = "IntervalTier"
        name = "Phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = "DH,D,s"
        intervals [2]:
            xmin = 0.25
            xmax = 1.5
            text = ""
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"words"
0
1.5
1
0
1.5
"say ""so"" 2 times"
"IntervalTier"
"Phones"
0
1.5
2
0
0.25
"DH,D,s"
0.25
1.5
""
"""
PHONES = [Interval(0, 0.25, "DH,D,s"), Interval(0.25, 1.5, "")]


@pytest.mark.parametrize("written", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_forms_in_every_encoding_give_the_same_tiers(written, encoding, tmp_path: Path):
    file = tmp_path / "a.TextGrid"
    file.write_bytes(written.encode(encoding))
    found = read_textgrid(file)
    assert found == {"words": [Interval(0, 1.5, 'say "so" 2 times')], "phones": PHONES}


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (LONG[:-60], "cut short or damaged"),
        (SHORT.replace('"IntervalTier"\n"Phones"', "17"), "cut short or damaged"),
        ("hello", "is no TextGrid"),
        ("", "is no TextGrid"),
    ],
)
def test_a_damaged_file_is_refused_by_name(written, line, tmp_path: Path):
    (tmp_path / "a.TextGrid").write_text(written)
    with pytest.raises(StudyError, match=f"a.TextGrid .*{line}"):
        read_textgrid(tmp_path / "a.TextGrid")


def test_an_absent_file_and_bytes_that_are_no_text_are_refused_by_name(tmp_path: Path):
    with pytest.raises(StudyError, match=r"b\.TextGrid cannot be read"):
        read_textgrid(tmp_path / "b.TextGrid")
    (tmp_path / "b.TextGrid").write_bytes(b"\x80\x81TextGrid")
    with pytest.raises(StudyError, match=r"b\.TextGrid cannot be read"):
        read_textgrid(tmp_path / "b.TextGrid")
