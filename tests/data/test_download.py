"""Downloads against a server that breaks off, sends something else, or sends something evil."""

import hashlib
import io
import random
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers.data import download
from helpers.data.catalogue.entry import CatalogueEntry, Download
from helpers.data.download import fetch
from helpers.errors import StudyError


@dataclass
class Site:
    """What the server does.

    Attributes:
        content: of its one file.
        breaks: answers that break off after 40 % of what they promised.
        ranges: whether it can send a part.
        status: of the answer.
        asked: the Range of each request.
    """

    content: bytes = b""
    breaks: int = 0
    ranges: bool = True
    status: int = 200
    address: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine."""
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            made.asked.append(wanted)
            if made.status != 200:
                self.send_error(made.status)
                return
            first = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if made.ranges else 0
            if first and first >= len(made.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(made.content)}")
                self.end_headers()
                return
            body = made.content[first:]
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(body)))
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(made.content) - 1}/{len(made.content)}")
            self.end_headers()
            if made.breaks:
                made.breaks -= 1
                self.wfile.write(body[: len(body) * 2 // 5])
                self.wfile.flush()
                self.connection.close()
                return
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.address = f"http://127.0.0.1:{server.server_port}/corpus.tar.gz"
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield made
    server.shutdown()
    server.server_close()


def archive(name: str = "corpus/marker.txt", size: int = 300_000) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        info = tarfile.TarInfo(name)
        info.size = size
        opened.addfile(info, io.BytesIO(random.Random(0).randbytes(size)))
    return buffer.getvalue()


def entry(site: Site, content: bytes | None = None, unpacked: int = 10**6) -> CatalogueEntry:
    """The corpus, with the checksum of ``content`` (of what the server has, if not given)."""
    content = site.content if content is None else content
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return CatalogueEntry(
        "test", "tests", "a test", "300 kB", "none", "fetch it", "m:f", looks_like=("corpus/marker.txt",),
        download=Download(site.address, checksum, "here", len(content), unpacked),
    )  # fmt: skip


def left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_corpus_is_downloaded_unpacked_and_not_downloaded_again(site: Site, tmp_path: Path) -> None:
    site.content = archive()
    folder = fetch(entry(site), tmp_path)
    assert folder == tmp_path / "test"
    assert (folder / "corpus" / "marker.txt").read_bytes() == random.Random(0).randbytes(300_000)
    assert left(tmp_path) == ["test"]
    assert fetch(entry(site), tmp_path) == folder
    assert site.asked == [""]


def test_a_connection_that_breaks_off_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.content, site.breaks = archive(), 2
    fetch(entry(site), tmp_path)
    n = len(site.content)
    first = n * 2 // 5
    assert site.asked == ["", f"bytes={first}-", f"bytes={first + (n - first) * 2 // 5}-"]
    assert left(tmp_path) == ["test"]


def test_one_that_breaks_again_and_again_is_given_up_and_the_next_call_goes_on(site: Site, tmp_path: Path) -> None:
    site.content, site.breaks = archive(), download.ATTEMPTS
    with pytest.raises(StudyError, match=r"breaks off again and again; [\d,]+ of [\d,]+ bytes are here"):
        fetch(entry(site), tmp_path)
    assert left(tmp_path) == [".test.lock", ".test.part"]  # nothing that looks like the corpus
    had = (tmp_path / ".test.part").stat().st_size
    assert had > len(site.content) // 2
    site.asked.clear()
    assert (fetch(entry(site), tmp_path) / "corpus" / "marker.txt").is_file()
    assert site.asked == [f"bytes={had}-"]
    assert left(tmp_path) == ["test"]


def test_a_server_that_cannot_send_parts_is_asked_for_the_whole_again(site: Site, tmp_path: Path) -> None:
    site.content, site.breaks, site.ranges = archive(), 1, False
    assert (fetch(entry(site), tmp_path) / "corpus" / "marker.txt").is_file()
    assert len(site.asked) == 2


def test_a_part_that_is_already_whole_is_not_asked_for_twice(site: Site, tmp_path: Path) -> None:
    site.content = archive()
    (tmp_path / ".test.part").write_bytes(site.content)
    assert (fetch(entry(site), tmp_path) / "corpus" / "marker.txt").is_file()
    (tmp_path / ".test.part").write_bytes(site.content + b"more")  # of something else
    (tmp_path / "test").rename(tmp_path / "old")
    assert (fetch(entry(site), tmp_path) / "corpus" / "marker.txt").is_file()


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(site: Site, tmp_path: Path) -> None:
    site.content = archive(size=299_999)
    with pytest.raises(StudyError, match="is not the published one"):
        fetch(entry(site, archive()), tmp_path)
    assert left(tmp_path) == [".test.lock"]


def test_a_part_of_something_else_costs_a_second_call_but_never_a_wrong_corpus(site: Site, tmp_path: Path) -> None:
    site.content = archive()
    (tmp_path / ".test.part").write_bytes(b"another file")
    with pytest.raises(StudyError, match="is not the published one"):
        fetch(entry(site), tmp_path)
    assert (fetch(entry(site), tmp_path) / "corpus" / "marker.txt").is_file()


def test_a_malicious_archive_leaves_nothing_inside_or_outside(site: Site, tmp_path: Path) -> None:
    site.content = archive("../escaped.txt")
    with pytest.raises(StudyError, match="leads outside its folder"):
        fetch(entry(site), tmp_path / "root")
    assert left(tmp_path / "root") == [".test.lock"]
    assert left(tmp_path) == ["root"]


def test_an_archive_of_another_corpus_or_too_large_is_refused(site: Site, tmp_path: Path) -> None:
    site.content = archive("other/marker.txt")
    with pytest.raises(StudyError, match=r"does not hold corpus/marker\.txt; it is not test"):
        fetch(entry(site), tmp_path)
    site.content = archive()
    with pytest.raises(StudyError, match="holds more than the 299,999 bytes"):
        fetch(entry(site, unpacked=299_999), tmp_path)
    assert left(tmp_path) == [".test.lock"]


def test_a_server_that_sends_more_than_it_should_is_cut_off(site: Site, tmp_path: Path) -> None:
    site.content = bytes(5_000_000)
    with pytest.raises(StudyError, match="sends more than the"):
        fetch(entry(site, archive()), tmp_path)
    assert left(tmp_path) == [".test.lock"]


@pytest.mark.parametrize(("status", "line"), [(404, "answers 404 Not Found"), (503, "breaks off again and again")])
def test_an_answer_that_is_no_file_is_one_clear_line(status: int, line: str, site: Site, tmp_path: Path) -> None:
    site.content, site.status = archive(), status
    with pytest.raises(StudyError, match=line):
        fetch(entry(site), tmp_path)
    assert not (tmp_path / "test").exists()


def test_no_server_at_all_is_one_clear_line(site: Site, tmp_path: Path) -> None:
    gone = entry(Site(content=b"x", address="http://127.0.0.1:9/corpus.tar.gz"))
    with pytest.raises(StudyError, match="breaks off again and again; 0 of"):
        fetch(gone, tmp_path)


def test_a_folder_that_is_something_else_is_not_touched(site: Site, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "mine").touch()
    site.content = archive()
    with pytest.raises(StudyError, match="is there but does not hold test; move it away"):
        fetch(entry(site), tmp_path)
    assert left(tmp_path / "test") == ["mine"]


def test_a_disk_that_is_too_small_is_said_before_anything_is_downloaded(site: Site, tmp_path: Path) -> None:
    site.content = archive()
    with pytest.raises(StudyError, match=r"are needed, .* GB are free; give another --root"):
        fetch(entry(site, unpacked=10**18), tmp_path)
    assert site.asked == []
