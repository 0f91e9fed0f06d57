# SPDX-License-Identifier: Apache-2.0
"""ROS parameters from a frozen dataclass: one place for name, type, default, range and meaning.

A field's metadata may hold `doc` (str), `minimum` (or `min`), `maximum` (or `max`), `choices`
(tuple) and `read_only` (bool, default True). Field types: bool, int, float, str, tuple[int, ...],
tuple[float, ...], Sequence[float], tuple[str, ...].
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
import dataclasses
import math
import typing
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

Config = TypeVar('Config')

_TYPES: dict[Any, Parameter.Type] = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
    tuple[int, ...]: Parameter.Type.INTEGER_ARRAY,
    tuple[float, ...]: Parameter.Type.DOUBLE_ARRAY,
    Sequence[float]: Parameter.Type.DOUBLE_ARRAY,
    tuple[str, ...]: Parameter.Type.STRING_ARRAY,
}
_WORDS = {
    Parameter.Type.BOOL: 'true or false',
    Parameter.Type.INTEGER: 'a whole number',
    Parameter.Type.DOUBLE: 'a number with a decimal point, such as 1.0',
    Parameter.Type.STRING: 'text',
    Parameter.Type.INTEGER_ARRAY: 'a list of whole numbers',
    Parameter.Type.DOUBLE_ARRAY: 'a list of numbers with a decimal point, such as [1.0, 2.0]',
    Parameter.Type.STRING_ARRAY: 'a list of texts',
}
_ARRAYS = (
    Parameter.Type.INTEGER_ARRAY,
    Parameter.Type.DOUBLE_ARRAY,
    Parameter.Type.STRING_ARRAY,
)


class ParameterError(ValueError):
    """A parameter has a value that it may not have; the message says which and what it may."""


def declare(
    node: Node,
    config_type: type[Config],
    on_change: Callable[[Config], None] | None = None,
    prefix: str = '',
    defaults: Config | None = None,
) -> Config:
    """Declare a parameter per field of a dataclass and return the values that the node was given.

    Args:
        node: Gets the parameters.
        config_type: Dataclass with a default for every field.
        on_change: Called with the new configuration after a change at run time of a field with
            `read_only=False`. Without it every parameter is read-only.
        prefix: Put before each field's name, such as `'task.'`.
        defaults: Take the place of the fields' own defaults.

    Raises:
        ParameterError: a given value has the wrong type, is outside its range or not a choice,
            or the dataclass refuses the combination.
    """
    fields = dataclasses.fields(typing.cast(Any, config_type))
    hints = typing.get_type_hints(config_type)
    values = {}
    for field in fields:
        name = prefix + field.name
        descriptor = _descriptor(field, hints[field.name], changeable=on_change is not None)
        default = _default(field) if defaults is None else getattr(defaults, field.name)
        values[field.name] = _declare_one(node, name, field, descriptor, default)
        _check(name, values[field.name], field.metadata)
    config = _build(config_type, values)
    if on_change is not None:
        _watch(node, config, on_change, prefix)
    return config


def refuse_unknown(node: Node, prefix: str) -> None:
    """Refuse values given for names with this prefix that nothing has declared.

    Raises:
        ParameterError: naming them; rclpy itself ignores them in silence.
    """
    given = [name for name in node._parameter_overrides if name.startswith(prefix)]
    unknown = [name for name in given if not node.has_parameter(name)]
    if unknown:
        known = sorted(node.get_parameters_by_prefix(prefix.rstrip('.')))
        raise ParameterError(f"unknown parameters {unknown}; '{prefix}' has {known}")


def describe(config_type: type) -> str:
    """Return a Markdown table of the parameters of a dataclass, for the README."""
    rows = ['| parameter | default | allowed | meaning |', '| --- | --- | --- | --- |']
    hints = typing.get_type_hints(config_type)
    for field in dataclasses.fields(config_type):
        allowed = _allowed(field.metadata) or _WORDS[_type_of(field.name, hints[field.name])]
        default = _default(field)
        text = '""' if default == '' else str(default)
        rows.append(f'| {field.name} | {text} | {allowed} | {field.metadata.get("doc", "")} |')
    return '\n'.join(rows) + '\n'


def _declare_one(
    node: Node,
    name: str,
    field: dataclasses.Field[Any],
    descriptor: ParameterDescriptor,
    default: Any,
) -> Any:
    kind = Parameter.Type(descriptor.type)
    if kind in _ARRAYS:
        default = list(default)
    # rclpy takes any empty list for a list of bytes, so an empty default is left undeclared.
    is_empty = kind in _ARRAYS and len(default) == 0
    try:
        parameter = node.declare_parameter(name, kind if is_empty else default, descriptor)
    except InvalidParameterTypeException as error:
        given = error.args[0] if error.args else ''
        raise ParameterError(f"parameter '{name}' must be {_WORDS[kind]} ({given})") from None
    except InvalidParameterValueException as error:
        allowed = _allowed(field.metadata)
        raise ParameterError(f"parameter '{name}' allows {allowed}: {error.args[0]}") from None
    value = default if parameter.value is None else parameter.value
    return tuple(value) if kind in _ARRAYS else value


def _descriptor(
    field: dataclasses.Field[Any], hint: Any, *, changeable: bool
) -> ParameterDescriptor:
    kind = _type_of(field.name, hint)
    meta = field.metadata
    descriptor = ParameterDescriptor(
        type=kind.value,
        description=meta.get('doc', ''),
        additional_constraints=_allowed(meta),
        read_only=meta.get('read_only', True) or not changeable,
    )
    low, high = _bounds(meta)
    if low is None and high is None:
        return descriptor
    if kind is Parameter.Type.DOUBLE:
        bounds = FloatingPointRange()
        bounds.from_value = -math.inf if low is None else float(low)
        bounds.to_value = math.inf if high is None else float(high)
        descriptor.floating_point_range = [bounds]
    elif kind is Parameter.Type.INTEGER:
        whole = IntegerRange(step=1)
        whole.from_value = -(2**63) if low is None else int(low)
        whole.to_value = 2**63 - 1 if high is None else int(high)
        descriptor.integer_range = [whole]
    return descriptor


def _watch(node: Node, config: Config, on_change: Callable[[Config], None], prefix: str) -> None:
    current = config
    fields = {prefix + f.name: f for f in dataclasses.fields(typing.cast(Any, config))}

    def changed(parameters: list[Parameter]) -> Config:
        ours = [p for p in parameters if p.name in fields]
        for parameter in ours:
            _check(parameter.name, parameter.value, fields[parameter.name].metadata)
        values = {
            fields[p.name].name: tuple(p.value) if p.type_ in _ARRAYS else p.value for p in ours
        }
        return _build(type(current), {**_as_dict(current), **values})

    def validate(parameters: list[Parameter]) -> SetParametersResult:
        try:
            changed(parameters)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def apply(parameters: list[Parameter]) -> None:
        nonlocal current
        if any(parameter.name in fields for parameter in parameters):
            current = changed(parameters)
            on_change(current)

    node.add_on_set_parameters_callback(validate)
    node.add_post_set_parameters_callback(apply)


def _check(name: str, value: Any, meta: Mapping[str, Any]) -> None:
    items = value if isinstance(value, tuple | list | array) else (value,)
    for item in items:
        if isinstance(item, float) and not math.isfinite(item):
            raise ParameterError(_refusal(name, item, meta) + ' (must be finite)')
        if meta.get('choices') is not None and item not in meta['choices']:
            raise ParameterError(_refusal(name, item, meta))
        # Written so that a value that compares with nothing fails.
        low, high = _bounds(meta)
        if (low is not None and not item >= low) or (high is not None and not item <= high):
            raise ParameterError(_refusal(name, item, meta))


def _refusal(name: str, value: Any, meta: Mapping[str, Any]) -> str:
    return f"parameter '{name}' is {value!r}; allowed: {_allowed(meta) or 'any finite value'}"


def _allowed(meta: Mapping[str, Any]) -> str:
    if meta.get('choices') is not None:
        return ', '.join(str(choice) for choice in meta['choices'])
    low, high = _bounds(meta)
    if low is not None and high is not None:
        return f'{low} to {high}'
    if low is not None:
        return f'at least {low}'
    return '' if high is None else f'at most {high}'


def _bounds(meta: Mapping[str, Any]) -> tuple[Any, Any]:
    return meta.get('minimum', meta.get('min')), meta.get('maximum', meta.get('max'))


def _build(config_type: type[Config], values: dict[str, Any]) -> Config:
    try:
        return config_type(**values)
    except ValueError as error:
        raise ParameterError(f'{config_type.__name__}: {error}') from error


def _as_dict(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise TypeError(f"field '{field.name}' needs a default to become a ROS parameter")


def _type_of(name: str, hint: Any) -> Parameter.Type:
    if hint not in _TYPES:
        known = ', '.join(str(getattr(kind, '__name__', kind)) for kind in _TYPES)
        raise TypeError(f"field '{name}' has type {hint}; a ROS parameter may be {known}")
    return _TYPES[hint]
