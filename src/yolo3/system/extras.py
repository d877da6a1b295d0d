"""The advice where a package is missing that an extra of the distribution installs."""

_DISTRIBUTION = "yolo3"


def not_installed(need: str, package: str, extra: str) -> ModuleNotFoundError:
    """The error of a missing package, for the caller to raise.

    Args:
        need: Subject and verb of the message, such as "charts need".
        package: Missing package.
        extra: Extra that installs it.
    """
    return ModuleNotFoundError(f"{need} {package}: {pip_install(extra)}", name=package)


def pip_install(extra: str) -> str:
    """The command that installs an extra."""
    # double quotes: bash, zsh, PowerShell and cmd.exe all understand them
    return f'pip install "{_DISTRIBUTION}[{extra}]"'
