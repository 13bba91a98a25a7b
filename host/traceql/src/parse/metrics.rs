//! Metrics functions and second stages.

use super::expr::binary_op;
use super::{Parsed, Parser};
use crate::ast::{BinaryOp, FieldRef, Metrics, MetricsFunction, OverTime, SecondStage};
use crate::lex::Tok;

/// True for the words that start a first stage.
pub(super) fn is_function(word: &str) -> bool {
    matches!(word, "rate" | "count_over_time" | "quantile_over_time" | "compare") || over_time(word).is_some()
}

fn over_time(word: &str) -> Option<OverTime> {
    Some(match word {
        "min_over_time" => OverTime::Min,
        "max_over_time" => OverTime::Max,
        "avg_over_time" => OverTime::Avg,
        "sum_over_time" => OverTime::Sum,
        "histogram_over_time" => OverTime::Histogram,
        _ => return None,
    })
}

impl Parser<'_> {
    pub(super) fn metrics(&mut self) -> Parsed<Metrics> {
        let start = self.pos();
        let Tok::Word(word) = *self.peek() else { return Err(self.unexpected(&[])) };
        self.advance();
        self.expect("(")?;
        let function = match word {
            "rate" => MetricsFunction::Rate,
            "count_over_time" => MetricsFunction::CountOverTime,
            "quantile_over_time" => self.quantile()?,
            "compare" => self.compare()?,
            _ => match over_time(word) {
                Some(function) => MetricsFunction::OverTime(function, self.field_ref()?),
                None => return Err(self.unexpected(&[])),
            },
        };
        self.expect(")")?;
        let mut by = Vec::new();
        if self.is_word("by") && !matches!(function, MetricsFunction::Compare { .. }) {
            self.advance();
            self.expect("(")?;
            by.push(self.field_ref()?);
            while self.eat(",") {
                by.push(self.field_ref()?);
            }
            self.expect(")")?;
        }
        let pos = start.to(self.last_pos());
        let mut second = Vec::new();
        while let Some(stage) = self.second_stage()? {
            second.push(stage);
        }
        Ok(Metrics { function, by, second, pos })
    }

    fn quantile(&mut self) -> Parsed<MetricsFunction> {
        let field: FieldRef = self.field_ref()?;
        let mut quantiles = Vec::new();
        loop {
            self.expect(",")?;
            quantiles.push(match *self.peek() {
                Tok::Int(i) => i as f64,
                Tok::Float(x) => x,
                _ => return Err(self.unexpected(&["INTEGER", "FLOAT"])),
            });
            self.advance();
            if self.sym() != Some(",") {
                return Ok(MetricsFunction::Quantile(field, quantiles));
            }
        }
    }

    fn compare(&mut self) -> Parsed<MetricsFunction> {
        let filter = self.filter()?;
        let mut numbers = Vec::new();
        while numbers.len() < 3 && self.eat(",") {
            numbers.push(self.integer()?);
        }
        let (top, window_ns) = match numbers[..] {
            [] => (None, None),
            [top] => (Some(top), None),
            [top, start, end] => (Some(top), Some((start, end))),
            _ => return Err(self.unexpected(&[","])),
        };
        Ok(MetricsFunction::Compare { filter, top, window_ns })
    }

    fn integer(&mut self) -> Parsed<i64> {
        let Tok::Int(i) = *self.peek() else { return Err(self.unexpected(&["INTEGER"])) };
        self.advance();
        Ok(i)
    }

    fn second_stage(&mut self) -> Parsed<Option<SecondStage>> {
        let start = self.pos();
        if self.eat("|") {
            let top = match self.peek() {
                Tok::Word("topk") => true,
                Tok::Word("bottomk") => false,
                _ => return Err(self.unexpected(&["topk", "bottomk"])),
            };
            self.advance();
            self.expect("(")?;
            let limit = self.integer()?;
            self.expect(")")?;
            let pos = start.to(self.last_pos());
            let stage = if top { SecondStage::TopK } else { SecondStage::BottomK };
            return Ok(Some(stage(limit, pos)));
        }
        let op = match self.sym().and_then(binary_op) {
            Some((op, _)) if op.is_comparison() && !matches!(op, BinaryOp::Re | BinaryOp::NotRe) => op,
            _ => return Ok(None),
        };
        self.advance();
        let negative = self.eat("-");
        let value = self.number(negative)?;
        Ok(Some(SecondStage::Filter(op, value, start.to(self.last_pos()))))
    }
}
