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

    if name:
        for each in [require_published(word) for word in name]:  # an unknown name is told before anything is fetched
            print(fetch(each.name))
        return
    print(f"{'name':<18}{'MB':>7}  {'AP50':>4}  {'SHA-256':<14}{'licence':<15}here")
    for each in PUBLISHED.values():
        ap50 = "" if each.ap50 is None else f"{each.ap50:.1f}"
        digest = f"{each.sha256[:12]}" if each.sha256 else "unverified"
        here = "yes" if cached_path(each).exists() else "no"
        print(f"{each.name:<18}{each.size / 1e6:>7.1f}  {ap50:>4}  {digest:<14}{each.licence:<15}{here}")
    print(
        "\nAP50 in percent as published, on COCO test-dev; see the page Published weights. Files are kept in "
        f"{cached_path(next(iter(PUBLISHED.values()))).parent}"
    )
