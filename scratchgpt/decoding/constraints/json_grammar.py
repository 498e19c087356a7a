r"""JSON, as a grammar.

Before this file: `grammar`. After it: RFC 8259 fits on half a page. One thing differs from it: between tokens the RFC
allows white space without end, in which a model may lose itself. Here, wherever the RFC allows it but at the end, there
may be nothing, one space, or one line end and up to 40 spaces or tabs: what json.dumps writes, with and without indent.
"""

JSON = r"""
root   ::= ws value
value  ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws ( member ( ws "," ws member )* ws )? "}"
member ::= string ws ":" ws value
array  ::= "[" ws ( value ( ws "," ws value )* ws )? "]"
string ::= "\"" ( [^"\\\x00-\x1f] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F]{4} ) )* "\""
number ::= "-"? ( "0" | [1-9] [0-9]* ) ( "." [0-9]+ )? ( [eE] [+-]? [0-9]+ )?
ws     ::= "" | " " | "\n" [ \t]{0,40}
"""
