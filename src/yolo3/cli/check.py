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
) -> int:
    """Examine a data set for faults that would spoil training.

    Changes nothing in it. Exits with 1 if there are errors, with 0 otherwise. With --output it writes a folder with
    report.html, report.json and config.yaml.

    Args:
        data: Data set: a folder, or the file that describes it or holds its annotations.
        dataset: Reading of the annotations.
        image_size: Size of the network input in pixels, a number or [height, width].
        most: Number of places of each kind of finding that are printed; the reports have all.
        max_megapixels: Largest image that is read, in millions of pixels. Reading takes about 7 bytes per pixel.
        output: Folder to make.
        overwrite: Replace the folder if it exists.
    """
    arguments = flat(locals())
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.cli.progress import progress
    from yolo3.data.doctor import examine, html_page, json_report, text_report

    source = dataset.source(data)
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
    return 1 if examination.has_errors else 0
