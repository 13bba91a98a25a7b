//! TraceQL: lexer, parser, type checks and the evaluator; pure, no I/O.
