"""OME-TIFF by streaming: what is written can be read by OpenSlide and by tifffile, at every level."""

import numpy as np
import pytest
from tifffile import TiffFile

from helpers.data.corpora.slide_files import WholeSlide
from helpers.data.simulated.slides import SimulatedSlide
from helpers.data.slide_writing import FACTOR, level_sizes, write_slide
from helpers.errors import StudyError


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    slide = SimulatedSlide(3, 1300, 1150)
    file = tmp_path_factory.mktemp("slides") / "a.ome.tiff"
    write_slide(slide, file)
    return slide, file


def test_openslide_reads_every_level_and_the_pixels_are_the_slides(written):
    slide, file = written
    found = WholeSlide(file)
    assert (found.width, found.height) == (1300, 1150)
    assert [(w, h) for w, h, _ in found.levels] == level_sizes(1300, 1150)
    assert len(found.levels) == 2
    part = slide.read(400, 500, 300, 200).astype(int)
    assert np.abs(found.read(400, 500, 300, 200).astype(int) - part).mean() < 6  # JPEG smooths the camera's noise
    overview = found.overview(8).astype(int)
    assert overview.shape == (144, 163, 3)
    exact = slide.read(0, 0, 1296, 1144).reshape(143, 8, 162, 8, 3).mean((1, 3))
    assert np.abs(overview[:143, :162] - exact).mean() < 4


def test_it_is_an_ome_tiff_with_its_levels_as_sub_images(written):
    with TiffFile(written[1]) as tiff:
        assert tiff.is_ome
        assert tiff.is_bigtiff
        assert 'PhysicalSizeX="2.0"' in tiff.ome_metadata
        series = tiff.series[0]
        assert [level.shape for level in series.levels] == [(1150, 1300, 3), (1150 // FACTOR, 1300 // FACTOR, 3)]
        assert tiff.pages[0].is_tiled
        small = series.levels[1].asarray()
    exact = written[0].read(0, 0, 1300, 1148).reshape(287, 4, 325, 4, 3).mean((1, 3))
    assert np.abs(small.astype(int) - exact).mean() < 4


def test_a_slide_is_read_in_squares_of_one_tile_only(tmp_path):
    asked = []

    class Watched(SimulatedSlide):
        def read(self, x, y, width, height):
            asked.append((width, height))
            return super().read(x, y, width, height)

    write_slide(Watched(0, 700, 600), tmp_path / "a.ome.tif")
    assert set(asked) == {(512, 512)}
    assert len(asked) == 4


def test_a_file_is_whole_or_not_there(tmp_path):
    class Breaks(SimulatedSlide):
        def read(self, x, y, width, height):
            raise OSError("the lamp went out")

    with pytest.raises(StudyError, match="cannot be written: the lamp went out"):
        write_slide(Breaks(0, 300, 300), tmp_path / "a.ome.tiff")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StudyError, match=r"written as \.ome\.tiff"):
        write_slide(SimulatedSlide(0, 300, 300), tmp_path / "a.png")
