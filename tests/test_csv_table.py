"""CSV tables are read strictly, and errors name the line."""

from __future__ import annotations

import pytest

from heartbeat_clf.csv_table import read_csv


def write(folder, content, name="table.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_rows_know_their_lines(tmp_path):
    text = 'path, note\r\n\r\n"a.wav","two\r\nlines"\r\n , \r\nb.wav\r\n'
    table = read_csv(write(tmp_path, text))
    assert table.header == ["path", "note"]
    assert table.rows == [["a.wav", "two\r\nlines"], ["b.wav", ""]]
    assert table.lines == [3, 6]


def test_blank_columns_at_the_end_are_dropped_and_others_named(tmp_path):
    table = read_csv(write(tmp_path, "path,,label,\na.wav,1,x,\n"))
    assert table.header == ["path", "column 2", "label"]
    assert table.rows == [["a.wav", "1", "x"]]


def test_tabs_separate_tsv_and_txt(tmp_path):
    for name in ("table.tsv", "table.txt"):
        table = read_csv(write(tmp_path, "path\tlabel\na,b.wav\tx\n", name))
        assert table.rows == [["a,b.wav", "x"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label,label\na.wav,x,y\n", "one column 'label' in .*table.csv', got 2"),
        ("path,label\na.wav,x\nb,c.wav,y\n", "at most 2 cells .*got 3 on line 3"),
        (
            "path,label\na.wav,x".encode("utf-16"),
            "UTF-16. .*iconv -f UTF-16",
        ),
        ("path,label\na.wav,x".encode("utf-16-le"), "looks like UTF-16"),
        ("path,label\n\ncafé.wav,x".encode("latin-1"), "byte 0xe9 on line 3, .*iconv"),
        ('path,label\n"a.wav,x\n', "begins on line 2: .*Look for a quotation mark"),
        (
            'path,label\n"a.wav" ,x\n',
            "on line 2: .*Look for a blank or a letter behind",
        ),
        (b"PK\x03\x04\0\0", "spreadsheet or a zip archive. Save the sheet as 'CSV"),
        (b"\xd0\xcf\x11\xe0\0", "a spreadsheet of an old Excel. Save the sheet"),
        (b"RIFF\0\0\0\0WAVE", "got a WAV file. A table names recordings"),
        (b"fLaC\0", "got a FLAC file. A table"),
        (b"OggS\0", "got an OGG file. A table"),
        (b"ID3\0", "got an MP3 file. A table"),
        (b"FORM\0", "got an AIFF file. A table"),
        ("", "CSV table in UTF-8 with a header .*without any text"),
        (" \n,\n", "CSV table in UTF-8 with a header .*without any text"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_csv(write(tmp_path, content))


@pytest.mark.parametrize("name", ["FORMAT", "ID3", "RIFFS", "OggS", "fLaC", "PK"])
def test_a_column_may_be_called_as_another_file_begins(tmp_path, name):
    assert read_csv(write(tmp_path, f"{name},path\nx,a.wav\n")).header == [name, "path"]
