"""The stable codes of diagnostics and their meanings: KN for KeyNote, CF for isakmpd.conf, IM for what is imported.

docs/diagnostics.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """A code never changes its meaning and is never given away again."""

    SYNTAX = "KN001"
    BAD_CHARACTER = "KN002"
    UNTERMINATED_STRING = "KN003"
    NUL = "KN004"
    CARRIAGE_RETURN = "KN005"
    STRAY_LINE = "KN006"
    UNKNOWN_LABEL = "KN007"
    DUPLICATE_FIELD = "KN008"
    NO_AUTHORIZER = "KN009"
    VERSION_NOT_FIRST = "KN010"
    VERSION = "KN011"
    EMPTY_FIELD = "KN012"
    NOT_ONE_ASSERTION = "KN013"
    TOO_DEEP = "KN014"
    BEHIND_SIGNATURE = "KN015"
    FIELD_IN_COMMENT = "KN016"
    TOO_LARGE = "KN017"
    SINGLE_EQUALS = "KN020"
    MISSING_SEMICOLON = "KN021"
    MISSING_VALUE = "KN022"
    UNCLOSED = "KN023"
    UNOPENED = "KN024"
    SINGLE_QUOTES = "KN025"
    BAD_OPERATOR = "KN026"
    MISSING_OPERAND = "KN027"
    MISSING_OPERATOR = "KN028"
    CHAINED_COMPARISON = "KN029"
    TYPE_MIX = "KN030"
    NOT_A_STRING = "KN031"
    NOT_A_NUMBER = "KN032"
    NOT_A_TEST = "KN033"
    FLOAT_OPERATOR = "KN034"
    STRING_OPERATOR = "KN035"
    THRESHOLD_TOO_LARGE = "KN040"
    BAD_THRESHOLD = "KN041"
    BAD_KEY = "KN042"
    DUPLICATE_CONSTANT = "KN043"
    RESERVED_CONSTANT = "KN044"
    CONSTANT_NOT_LITERAL = "KN045"
    UNKNOWN_CONSTANT = "KN046"
    UNQUOTED_POLICY = "KN047"
    CONF_NO_SECTION = "CF001"
    CONF_UNCLOSED_SECTION = "CF002"
    CONF_NO_EQUALS = "CF003"
    CONF_NO_TAG = "CF004"
    CONF_NUL = "CF005"
    CONF_STRAY_RETURN = "CF006"
    CONF_LEADING_BLANK = "CF010"
    CONF_NO_FINAL_NEWLINE = "CF011"
    CONF_DUPLICATE_TAG = "CF012"
    CONF_WORDS_BEFORE_EQUALS = "CF013"
    CONF_CARRIAGE_RETURN = "CF014"
    CONF_TEXT_BEHIND_HEADER = "CF015"
    FOREIGN_SYNTAX = "IM001"
    FOREIGN_UNCLOSED = "IM002"
    FOREIGN_STRING = "IM003"
    FOREIGN_NUL = "IM004"


MEANINGS: Mapping[Code, str] = {
    Code.SYNTAX: "the text does not follow the grammar, and no better name is known for the mistake",
    Code.BAD_CHARACTER: "a character that has no meaning at this place",
    Code.UNTERMINATED_STRING: "a string literal is not closed before its line ends",
    Code.NUL: "a NUL octet: assertions are text",
    Code.CARRIAGE_RETURN: "a carriage return: lines end with newline alone",
    Code.STRAY_LINE: "a line that is no field, no continuation and no comment",
    Code.UNKNOWN_LABEL: "a field label that KeyNote does not know",
    Code.DUPLICATE_FIELD: "a field is there twice",
    Code.NO_AUTHORIZER: "an assertion without an Authorizer field",
    Code.VERSION_NOT_FIRST: "KeyNote-Version is there and is not the first field",
    Code.VERSION: 'KeyNote-Version is not "2"',
    Code.EMPTY_FIELD: "a field that needs a value has none",
    Code.NOT_ONE_ASSERTION: "none or several assertions where exactly one is expected",
    Code.TOO_DEEP: "expressions or blocks are nested more deeply than the limit",
    Code.BEHIND_SIGNATURE: "text behind the Signature field of a policy, which would be no part of the assertion",
    Code.FIELD_IN_COMMENT: "a field of a policy is indented below Comment; it would be part of the comment",
    Code.TOO_LARGE: "a field has more words and signs than the limit",
    Code.SINGLE_EQUALS: "= where == is meant",
    Code.MISSING_SEMICOLON: "a clause of Conditions does not end with a semicolon",
    Code.MISSING_VALUE: "-> without a value or a block behind it",
    Code.UNCLOSED: "a parenthesis or brace is opened and never closed",
    Code.UNOPENED: "a parenthesis or brace is closed that was never opened",
    Code.SINGLE_QUOTES: "a string in single quotes",
    Code.BAD_OPERATOR: "an operator of another language",
    Code.MISSING_OPERAND: "an operator lacks what it works on",
    Code.MISSING_OPERATOR: "two operands without an operator between them",
    Code.CHAINED_COMPARISON: "a comparison of a comparison",
    Code.TYPE_MIX: "operands of two types: strings, integers and floats never mix",
    Code.NOT_A_STRING: "a string is needed here",
    Code.NOT_A_NUMBER: "a number is needed here",
    Code.NOT_A_TEST: "a test is needed here",
    Code.FLOAT_OPERATOR: "an operator that floats do not have",
    Code.STRING_OPERATOR: "an operator that only strings have",
    Code.THRESHOLD_TOO_LARGE: "K-of with fewer than K members",
    Code.BAD_THRESHOLD: "a threshold that is not written K-of(a, b, ...) with K from 1",
    Code.BAD_KEY: "a key of a known algorithm that cannot be decoded",
    Code.DUPLICATE_CONSTANT: "a local constant is defined twice",
    Code.RESERVED_CONSTANT: "a local constant whose name starts with _",
    Code.CONSTANT_NOT_LITERAL: "a local constant whose value is no string literal",
    Code.UNKNOWN_CONSTANT: "warning: a name among principals that is no local constant; it is the empty string",
    Code.UNQUOTED_POLICY: "POLICY without quotes: it would be a name, and the empty string",
    Code.CONF_NO_SECTION: "a line before the first [section]",
    Code.CONF_UNCLOSED_SECTION: "a section header without ]; all is ignored until the next header",
    Code.CONF_NO_EQUALS: "a line that is no header, no comment and has no =",
    Code.CONF_NO_TAG: "nothing before the =",
    Code.CONF_NUL: "a NUL octet",
    Code.CONF_STRAY_RETURN: "a carriage return that no newline follows",
    Code.CONF_LEADING_BLANK: "warning: a line starts with blanks; isakmpd(8) reads an empty tag there",
    Code.CONF_NO_FINAL_NEWLINE: "warning: the last line has no newline; isakmpd(8) ignores it",
    Code.CONF_DUPLICATE_TAG: "warning: a tag is set twice in a section; the first value counts",
    Code.CONF_WORDS_BEFORE_EQUALS: "warning: words between the tag and the =; only the first word is the tag",
    Code.CONF_CARRIAGE_RETURN: "warning: a line ends with a carriage return; it is dropped",
    Code.CONF_TEXT_BEHIND_HEADER: "warning: text behind the ] of a section header, which is ignored",
    Code.FOREIGN_SYNTAX: "a text of another daemon that does not follow its grammar",
    Code.FOREIGN_UNCLOSED: "a block of another daemon's configuration is opened and never closed",
    Code.FOREIGN_STRING: "a quotation mark that begins no string",
    Code.FOREIGN_NUL: "a NUL octet in a configuration of another daemon",
}
