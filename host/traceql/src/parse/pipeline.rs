//! Stages and the query around them.

use super::scalar::{Sized, Thing};
use super::{Parsed, Parser};
use crate::ast::{Hint, Pipeline, Query, ScalarExpr, SpansetExpr, Stage};
use crate::lex::Tok;

/// What a pipeline turned out to be.
pub(super) enum Read {
    /// Stages, and the height of the highest.
    Pipeline(Pipeline, u32),
    /// Inside parentheses: a scalar, or operands with pipelines among them.
    Thing(Sized),
}

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Parsed<Query> {
        let pipeline = match self.pipeline(false)? {
            Read::Pipeline(pipeline, _) => pipeline,
            Read::Thing(_) => return Err(self.unexpected(&[])),
        };
        let metrics = if self.sym() == Some("|") {
            self.advance();
            Some(self.metrics()?)
        } else {
            None
        };
        let mut hints = Vec::new();
        while self.is_word("with") {
            hints = self.hints()?;
        }
        match self.peek() {
            Tok::End => Ok(Query { pipeline, metrics, hints }),
            _ => Err(self.unexpected(&[])),
        }
    }

    /// Stages up to the end, a closing parenthesis or a metrics function (whose `|` is left unread).
    pub(super) fn pipeline(&mut self, grouped: bool) -> Parsed<Read> {
        let mut stages = Vec::new();
        let mut height_max = 0;
        loop {
            let first = stages.is_empty();
            if let Some(stage) = self.keyword_stage(first)? {
                stages.push(stage);
            } else {
                let Sized { thing, height } = self.things(0)?;
                height_max = height_max.max(height);
                let ends = self.sym() != Some("|");
                match thing {
                    Thing::Spanset { expr, .. } => stages.push(Stage::Spanset(expr)),
                    Thing::Filter(filter) => stages.push(Stage::Scalar(filter)),
                    Thing::Pipelines(expr) if first && ends => {
                        if grouped {
                            return Ok(Read::Thing(Thing::Pipelines(expr).of(height)));
                        }
                        let pipeline = match expr {
                            SpansetExpr::Pipeline(pipeline, _) => *pipeline,
                            expr => Pipeline { stages: vec![Stage::Spanset(expr)] },
                        };
                        return Ok(Read::Pipeline(pipeline, height));
                    }
                    Thing::PipeFilter(filter) if first && ends && !grouped => {
                        stages.push(Stage::Scalar(filter))
                    }
                    Thing::Scalar(ScalarExpr::Aggregate(aggregate)) if grouped && !first && ends => {
                        let scalar = ScalarExpr::Pipeline(Box::new(Pipeline { stages }), aggregate);
                        return Ok(Read::Thing(Thing::ScalarPipe(scalar).of(height_max + 1)));
                    }
                    thing @ (Thing::Scalar(_) | Thing::ScalarPipe(_)) if grouped && first && ends => {
                        return Ok(Read::Thing(thing.of(height)));
                    }
                    _ => return Err(self.unexpected(&[])),
                }
            }
            let metrics_next = matches!(self.peek_second(), Tok::Word(w) if super::metrics::is_function(w));
            if self.sym() != Some("|") || !grouped && metrics_next {
                return Ok(Read::Pipeline(Pipeline { stages }, height_max));
            }
            self.advance();
        }
    }

    /// `by(…)`, `select(…)`, `coalesce()`, if one stands here.
    fn keyword_stage(&mut self, first: bool) -> Parsed<Option<Stage>> {
        let start = self.pos();
        let Tok::Word(word) = *self.peek() else { return Ok(None) };
        if !matches!(word, "by" | "select" | "coalesce") || word == "coalesce" && first {
            return Ok(None);
        }
        self.advance();
        self.expect("(")?;
        let mut fields = Vec::new();
        let mut expr = None;
        match word {
            "by" => expr = Some(self.expr()?),
            "select" => {
                fields.push(self.field_ref()?);
                while self.eat(",") {
                    fields.push(self.field_ref()?);
                }
            }
            _ => {}
        }
        if self.sym() != Some(")") {
            return Err(if word == "by" { self.unexpected(&[]) } else { self.unexpected(&[")"]) });
        }
        let pos = start.to(self.pos());
        self.advance();
        Ok(Some(match expr {
            Some(expr) => Stage::Group(expr, pos),
            None if word == "select" => Stage::Select(fields, pos),
            None => Stage::Coalesce(pos),
        }))
    }

    /// `with(name = value, …)`
    fn hints(&mut self) -> Parsed<Vec<Hint>> {
        self.advance();
        self.expect("(")?;
        let mut hints = Vec::new();
        loop {
            let name = match *self.peek() {
                Tok::Word(word) if !super::is_keyword(word) => word.into(),
                _ => return Err(self.unexpected(&["IDENTIFIER"])),
            };
            self.advance();
            self.expect("=")?;
            let value = self.literal()?.ok_or_else(|| self.unexpected(&[]))?;
            hints.push(Hint { name, value });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(hints)
    }
}
