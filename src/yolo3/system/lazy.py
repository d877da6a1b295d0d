"""Names of a package that are imported when they are first used."""

from collections.abc import Collection, Mapping, MutableMapping
from importlib import import_module
from typing import Any


def import_name(homes: Mapping[str, Collection[str]], package: MutableMapping[str, Any], name: str) -> Any:
    """The value of a name that a package offers, for its ``__getattr__``; the package has it from then on.

    Args:
        homes: Names that each module offers to the package, by module.
        package: ``globals()`` of the package.
        name: Name that is looked for.

    Raises:
        AttributeError: The package does not offer it.
    """
    for home, names in homes.items():
        if name in names:
            package[name] = getattr(import_module(home), name)
            return package[name]
    raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
