"""``yolo3 weights``."""


def weights(name: list[str] | None = None) -> None:
    """List the published weights, or fetch some.

    Every command takes their names: yolo3 detect yolov3-tiny dog.jpg, yolo3 train DATA --weights darknet53.conv.74.
    They are kept in the folder checkpoints of PyTorch's hub, which the environment variable TORCH_HOME moves.
    YOLO3_OFFLINE=1 forbids fetching.

    Args:
        name: Names of the weights to fetch. Default: list them all.
    """
    from yolo3.published import PUBLISHED, cached_path, fetch, require_published
    from yolo3.text_table import text_table

    if name:
        for each in [require_published(word) for word in name]:  # an unknown name is told before anything is fetched
            print(fetch(each.name))
        return
    rows = [("name", "MB", "AP50", "SHA-256", "licence", "here")]
    for each in PUBLISHED.values():
        ap50 = "" if each.ap50 is None else f"{each.ap50:.1f}"
        digest = each.sha256[:12] if each.sha256 else "unverified"
        here = "yes" if cached_path(each).exists() else "no"
        rows.append((each.name, f"{each.size / 1e6:.1f}", ap50, digest, each.licence, here))
    print("\n".join(text_table(rows, left=(0, 3, 4, 5))))
    print(
        "\nAP50 in percent as published, on COCO test-dev; see the page Published weights. Files are kept in "
        f"{cached_path(next(iter(PUBLISHED.values()))).parent}"
    )
