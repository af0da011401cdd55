"""Downloading, from a server on the loopback address."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile

import numpy as np
import pytest
import soundfile

from heartbeat_clf.datasets import (
    _archives,
    fetch,
    fetch_cinc2016,
    fetch_circor,
    fetch_pascal,
    load_pascal,
)

CIRCOR_TOP = "the-circor-digiscope-phonocardiogram-dataset-1.0.3/"
CIRCOR_ZIP = "/content/circor-heart-sound/get-zip/1.0.3/"
CIRCOR_SUMS = "/files/circor-heart-sound/1.0.3/SHA256SUMS.txt"
CINC_ZIP = "/files/challenge-2016/1.0.0/training.zip"
CINC_SUMS = "/files/challenge-2016/1.0.0/SHA256SUMS.txt"
PASCAL_FILES = {
    "Btraining_normal.zip": [
        "Training B Normal/103_1305031931979_D3.wav",
        "Training B Normal/Btraining_noisynormal/101_1305030823364_B.wav",
        "__MACOSX/Training B Normal/._103_1305031931979_D3.wav",
    ],
    "Btraining_murmur.zip": ["112_1306243000964_A.wav"],
}


@pytest.fixture
def server(monkeypatch):
    """Return the address of a server and the dict of what it serves, by path."""
    pages: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *args):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", pages
        running.shutdown()
        thread.join()


def wav(name: str) -> bytes:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    file = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 100)
    soundfile.write(file, noise, 2000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def sums_of(files: dict[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(data).hexdigest()}  {n}" for n, data in files.items()]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture
def pascal(server, tmp_path, monkeypatch):
    """Serve two small archives of set_b, and make them the ones that are expected."""
    address, pages = server
    expected = {}
    for archive, inside in PASCAL_FILES.items():
        pages[f"/{archive}"] = zipped({name: wav(name) for name in inside})
        paths = []
        for name in inside:
            if "__MACOSX" not in name:
                path = tmp_path / "made" / name.replace("/", "_")
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(wav(name))
                paths.append(path)
        expected[archive] = (len(paths), _archives.samples_digest(paths))
    monkeypatch.setitem(fetch.PASCAL_ARCHIVES, "b", expected)
    home = tmp_path / "home"
    return pages, {"data_home": home, "base_url": address, "progressbar": False}


@pytest.fixture
def circor(server, tmp_path):
    address, pages = server
    files = {
        "LICENSE.txt": b"ODC-By\n",
        "training_data.csv": (
            b"Patient ID,Murmur,Murmur locations,Outcome,Additional ID\n"
            b"10,Absent,nan,Normal,nan\n"
        ),
        "training_data/10_AV.wav": wav("10_AV"),
    }
    top = {CIRCOR_TOP + name: data for name, data in files.items()}
    top[CIRCOR_TOP + "SHA256SUMS.txt"] = pages[CIRCOR_SUMS] = sums_of(files)
    pages[CIRCOR_ZIP] = zipped(top)
    home = tmp_path / "home"
    return pages, {"data_home": home, "base_url": address, "progressbar": False}


@pytest.fixture
def cinc2016(server, tmp_path):
    address, pages = server
    files = {
        "training/training-a/REFERENCE.csv": b"a0001,1\n",
        "training/training-a/a0001.wav": wav("a0001"),
    }
    pages[CINC_ZIP] = zipped(files)
    pages[CINC_SUMS] = sums_of({"training.zip": pages[CINC_ZIP]})
    home = tmp_path / "home"
    return pages, {"data_home": home, "base_url": address, "progressbar": False}


def everything_in(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_pascal_is_stored_under_its_common_names(pascal):
    _, options = pascal
    bunch = fetch_pascal(**options)
    assert everything_in(options["data_home"]) == [
        "pascal/set_b/murmur__112_1306243000964_A.wav",
        "pascal/set_b/normal__103_1305031931979_D3.wav",
        "pascal/set_b/normal_noisynormal_101_1305030823364_B.wav",
    ]
    assert sorted(bunch.target) == ["murmur", "normal", "normal"]
    assert load_pascal(options["data_home"]).target.tolist() == bunch.target.tolist()


def test_what_is_there_is_not_downloaded_again(pascal):
    pages, options = pascal
    fetch_pascal(**options)
    pages.clear()
    assert len(fetch_pascal(**options, download_if_missing=False).recordings) == 3


def test_download_goes_on_where_it_stopped(pascal):
    pages, options = pascal
    second = pages.pop("/Btraining_murmur.zip")
    with pytest.raises(ConnectionError, match=r"Btraining_murmur\.zip, got HTTPError"):
        fetch_pascal(**options)
    home = options["data_home"]
    assert everything_in(home) == ["archives/Btraining_normal.zip"]
    pages.clear()
    pages["/Btraining_murmur.zip"] = second
    assert len(fetch_pascal(**options).recordings) == 3


@pytest.mark.parametrize(
    ("fetcher", "url"),
    [
        (fetch_pascal, r"/Btraining_normal\.zip"),
        (fetch_circor, CIRCOR_SUMS),
        (fetch_cinc2016, CINC_SUMS),
    ],
)
def test_no_network_names_address_folder_and_loader(tmp_path, fetcher, url):
    # Nothing listens at port 9 of the loopback address.
    with pytest.raises(
        ConnectionError,
        match=rf"http://127\.0\.0\.1:9{url}, got .*by hand and call load_",
    ):
        fetcher(data_home=tmp_path, base_url="http://127.0.0.1:9", progressbar=False)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("fetcher", [fetch_pascal, fetch_circor, fetch_cinc2016])
def test_missing_set_is_not_downloaded_unless_wanted(tmp_path, fetcher):
    with pytest.raises(FileNotFoundError, match="download_if_missing=False"):
        fetcher(data_home=tmp_path, download_if_missing=False)


def test_default_folder_is_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    with pytest.raises(FileNotFoundError, match=r"heartbeat_clf.*set_b"):
        fetch_pascal(download_if_missing=False)


def test_pascal_with_other_samples_is_refused_unless_unverified(pascal):
    pages, options = pascal
    pages["/Btraining_murmur.zip"] = zipped({"112_1306243000964_A.wav": wav("other")})
    with pytest.raises(ValueError, match=r"samples with digest .*verify=False"):
        fetch_pascal(**options)
    assert everything_in(options["data_home"]) == ["archives/Btraining_normal.zip"]
    assert len(fetch_pascal(**options, verify=False).recordings) == 3


def test_pascal_with_another_count_is_refused(pascal):
    pages, options = pascal
    pages["/Btraining_murmur.zip"] = zipped({"readme.txt": b"nothing"})
    with pytest.raises(ValueError, match=r"Expected 1 recordings .*got 0"):
        fetch_pascal(**options)


def test_pascal_with_a_foreign_recording_is_refused(pascal):
    pages, options = pascal
    pages["/Btraining_murmur.zip"] = zipped({"sub/song.wav": wav("song")})
    with pytest.raises(ValueError, match=r"recordings of set_b .*song\.wav"):
        fetch_pascal(**options)


def test_page_instead_of_an_archive_is_refused_and_deleted(pascal):
    pages, options = pascal
    pages["/Btraining_normal.zip"] = b"<html>moved</html>"
    with pytest.raises(ValueError, match=r"ZIP archive .*is none or is damaged"):
        fetch_pascal(**options)
    assert everything_in(options["data_home"]) == []


@pytest.mark.parametrize("name", ["../outside.wav", "/outside.wav", "..\\outside.wav"])
def test_archive_that_writes_outside_is_refused(tmp_path, name):
    archive = tmp_path / "bad.zip"
    archive.write_bytes(zipped({name: b""}))
    with pytest.raises(ValueError, match=r"members inside the folder .*outside"):
        _archives.extract(archive, tmp_path / "here")
    assert everything_in(tmp_path) == []


def test_circor_is_checked_file_by_file_and_loaded(circor):
    _, options = circor
    bunch = fetch_circor(**options)
    assert bunch.target.tolist() == ["normal"]
    assert everything_in(options["data_home"]) == [
        "circor/LICENSE.txt",
        "circor/training_data.csv",
        "circor/training_data/10_AV.wav",
    ]


def test_circor_with_a_changed_file_is_refused(circor):
    pages, options = circor
    lines = pages[CIRCOR_SUMS].decode().splitlines()
    lines[-1] = "0" * 64 + "  training_data/10_AV.wav"
    pages[CIRCOR_SUMS] = "\n".join(lines).encode()
    with pytest.raises(
        ValueError, match=r"'0{64}' for 'training_data/10_AV\.wav', got"
    ):
        fetch_circor(**options)
    assert everything_in(options["data_home"]) == []


def test_circor_with_a_file_missing_is_refused(circor):
    pages, options = circor
    pages[CIRCOR_SUMS] += ("0" * 64 + "  training_data/10_PV.wav\n").encode()
    with pytest.raises(ValueError, match=r"10_PV\.wav', got 'no such file'"):
        fetch_circor(**options)


def test_circor_keeps_nothing_that_the_list_does_not_name(circor):
    pages, options = circor
    with zipfile.ZipFile(io.BytesIO(pages[CIRCOR_ZIP])) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files[CIRCOR_TOP + "training_data/11_AV.wav"] = wav("11_AV")
    pages[CIRCOR_ZIP] = zipped(files)
    assert len(fetch_circor(**options).recordings) == 1
    assert not (options["data_home"] / "circor/training_data/11_AV.wav").exists()


def test_archive_without_the_set_is_refused(circor):
    pages, options = circor
    pages[CIRCOR_ZIP] = zipped({"readme.txt": b"nothing"})
    with pytest.raises(ValueError, match=r"'training_data\.csv' in the archive"):
        fetch_circor(**options)


def test_page_instead_of_checksums_is_refused(circor):
    pages, options = circor
    pages[CIRCOR_SUMS] = b"<html>please log in</html>\n"
    with pytest.raises(ValueError, match=r"SHA-256 and a file name .*<html>"):
        fetch_circor(**options)
    assert everything_in(options["data_home"]) == []


def test_cinc2016_is_checked_as_an_archive_and_loaded(cinc2016):
    _, options = cinc2016
    bunch = fetch_cinc2016(**options, databases="a")
    assert bunch.target.tolist() == ["abnormal"]
    assert everything_in(options["data_home"]) == [
        "cinc2016/training-a/REFERENCE.csv",
        "cinc2016/training-a/a0001.wav",
    ]


def test_cinc2016_with_another_sum_is_refused_and_deleted(cinc2016):
    pages, options = cinc2016
    pages[CINC_SUMS] = ("0" * 64 + "  training.zip\n").encode()
    with pytest.raises(ValueError, match=r"Expected SHA-256 '0{64}' .*try again"):
        fetch_cinc2016(**options)
    assert everything_in(options["data_home"]) == []


def test_digest_depends_on_samples_and_not_on_names(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.wav").write_bytes(wav(name))
    (tmp_path / "renamed.wav").write_bytes(wav("two"))
    one, two, renamed = (tmp_path / f"{n}.wav" for n in ("one", "two", "renamed"))
    assert _archives.samples_digest([one, two]) == _archives.samples_digest(
        [renamed, one]
    )
    assert _archives.samples_digest([one]) != _archives.samples_digest([two])


@pytest.mark.real
@pytest.mark.parametrize("subset", ["a", "b"])
def test_real_recordings_have_the_digests_that_fetch_pascal_expects(real_data, subset):
    labels = {"b": ("normal", "murmur", "extrasystole", "unlabelled")}.get(
        subset, ("normal", "murmur", "extrahls", "artifact", "unlabelled")
    )
    folder = load_pascal(real_data, subset=subset).recordings[0].parent
    prefixes = dict(zip(labels, labels, strict=True))
    prefixes |= {"extrasystole": "extrastole", "unlabelled": f"{subset.upper()}unlab"}
    archives = {
        "normal": "training_normal",
        "murmur": "training_murmur",
        "extrahls": "training_extrahs",
        "artifact": "training_artifact",
        "extrasystole": "training_extrasystole",
        "unlabelled": "unlabelledtest",
    }
    for label in labels:
        paths = list(folder.glob(f"{prefixes[label]}*.wav"))
        archive = f"{subset.upper()}{archives[label]}.zip"
        expected = fetch.PASCAL_ARCHIVES[subset][archive]
        assert (len(paths), _archives.samples_digest(paths)) == expected
