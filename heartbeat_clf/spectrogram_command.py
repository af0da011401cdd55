"""The command ``spectrogram``: recordings in, pictures or shards of images out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from heartbeat_clf.command_parts import Outcome, Say, usage_errors
from heartbeat_clf.inputs import Failure, Found, UsageError, find_recordings

__all__ = ["spectrogram"]


def spectrogram(options: argparse.Namespace, say: Say) -> Outcome:
    """Write the spectrogram of every recording as a PNG, or all in shards."""
    from heartbeat_clf.spectrogram import SpectrogramTransformer

    unused = ("width", "height") if options.format == "npy" else ("shard",)
    for name in unused:
        if getattr(options, name) is not None:
            raise UsageError(
                f"Expected no --{name} with --format {options.format}. Drop one."
            )

    given = {
        name: getattr(options, name)
        for name in SpectrogramTransformer().get_params()
        if name != "verbose" and getattr(options, name, None) is not None
    }
    if "band_pass" in given:
        given["band_pass"] = tuple(given["band_pass"])
    found, missing = find_recordings([options.input])
    with usage_errors():
        transformer = SpectrogramTransformer(**given)
        # The settings are checked here, not once for every file.
        transformer.fit([str(item.path) for item in found] or ["none"])
    if not found:
        # Nothing is written: an empty shard would be in the way of the right IN.
        return Outcome("", missing)
    write = _write_images if options.format == "npy" else _write_pictures
    return write(options, say, transformer, found, missing)


def _write_images(
    options: argparse.Namespace,
    say: Say,
    transformer: Any,
    found: list[Found],
    missing: list[Failure],
) -> Outcome:
    from heartbeat_clf.shard_writer import labels_of, settings_of, write_shards

    numbers, total = options.shard or ((1,), 1)
    counts = write_shards(
        found,
        Path(options.folder).expanduser(),
        transformer=transformer,
        settings=settings_of(transformer),
        numbers=numbers,
        total=total,
        labels=labels_of(options.input),
        overwrite=options.overwrite,
        verbose=options.verbose,
    )
    failures = [*missing, *counts.failures]
    for fault in counts.faults:
        say(f"Made a shard anew. {fault}")
    shards = "1 shard" if counts.written == 1 else f"{counts.written} shards"
    say(
        f"{shards} written, {counts.kept} kept (--overwrite makes them anew), "
        f"{counts.images} images in them, {len(failures)} recordings failed."
    )
    return Outcome("", failures)


def _write_pictures(
    options: argparse.Namespace,
    say: Say,
    transformer: Any,
    found: list[Found],
    missing: list[Failure],
) -> Outcome:
    from heartbeat_clf.pictures import write_pictures
    from heartbeat_clf.shard_writer import settings_of

    counts = write_pictures(
        found,
        Path(options.folder).expanduser(),
        transformer=transformer,
        settings=settings_of(transformer),
        overwrite=options.overwrite,
        verbose=options.verbose,
        width=options.width,
        height=options.height,
        colormap=options.colormap,
    )
    failures = [*missing, *counts.failures]
    say(
        f"{counts.written} written, {counts.kept} kept (of the same recording and "
        f"settings; --overwrite makes them anew), {len(failures)} failed."
    )
    return Outcome("", failures)
