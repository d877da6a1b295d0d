"""The advice where a package is missing that an extra of the distribution installs."""

_DISTRIBUTION = "yolo3-torch"


def not_installed(need: str, package: str, extra: str) -> ModuleNotFoundError:
    """The error of a missing package, for the caller to raise.

    Args:
        need: Subject and verb of the message, such as "charts need".
        package: Missing package.
        extra: Extra that installs it.
    """
    # double quotes: bash, zsh, PowerShell and cmd.exe all understand them
    return ModuleNotFoundError(f'{need} {package}: pip install "{_DISTRIBUTION}[{extra}]"', name=package)
