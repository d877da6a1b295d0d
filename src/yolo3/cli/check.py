"""``yolo3 check``."""

from pathlib import Path

from yolo3.cli.options import NamedDataSet, flat


def check(
    data: Path | None = None,
    *,
    dataset: NamedDataSet,
    image_size: int | tuple[int, int] = 416,
    most: int = 5,
    max_megapixels: float = 180,
    output: Path | None = None,
    overwrite: bool = False,
    fix: Path | None = None,
) -> int:
    """Check a data set for faults that would harm training.

    Changes nothing in it. Exits with 1 if there are errors, with 0 otherwise. With --output it writes a folder with
    report.html, report.json and config.yaml; with --fix a corrected copy.

    Args:
        data: Data set: a folder, or the file that describes it or holds its annotations.
        dataset: Reading of the annotations.
        image_size: Size of the network input in pixels, a number or [height, width].
        most: Number of places of each kind of finding that are printed; the reports have all.
        max_megapixels: Largest image that is read, in millions of pixels. Reading takes about 7 bytes per pixel.
        output: Folder to write.
        overwrite: Replace the folder of --output if it exists.
        fix: Folder to write: a corrected copy of the data set, with the list of corrections in fixes.txt. Boxes are
            clipped, empty ones and unusable images are left out, rotated images are stored upright, and images of other
            splits are removed from training.
    """
    arguments = flat(locals())
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.cli.progress import progress
    from yolo3.cli.work import OnAllCores
    from yolo3.data.doctor import FIXES, examine, html_page, json_report, text_report
    from yolo3.data.doctor import fix as write_fixed
    from yolo3.data.formats import find_dataset

    source = dataset.source(data).done_by(OnAllCores())
    if fix is not None:
        check_new(fix, remedy="name another with --fix")
    if output is not None:
        check_new(output, overwrite, [("data", source.path), ("images", source.images)])
    examination = examine(source, dataset.format, image_size, progress=progress, max_megapixels=max_megapixels)
    print(text_report(examination, most))
    if output is not None:
        with new_folder(output, overwrite) as folder:
            write_configuration(folder.path, arguments)
            for name, text in (("report.html", html_page(examination)), ("report.json", json_report(examination))):
                # it may quote the name of a file that is not UTF-8
                (folder.path / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        print(f"reports: {output}")
    if fix is not None:
        done = write_fixed(find_dataset(source, dataset.format), fix, max_megapixels)
        lines = ["", *done[:most]]
        if len(done) > most:
            lines.append(f"… and {len(done) - most:,} more")
        print("\n".join(lines))
        print(f"{fix}: a corrected copy; {fix / FIXES} lists what was done ({len(done):,} lines)")
    return 1 if examination.has_errors else 0
