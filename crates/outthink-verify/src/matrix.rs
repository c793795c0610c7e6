//! Sums and products of matrices, worked out cell by cell.

use crate::ast::Expr;

/// Rows and columns of a matrix that is computed with.
const MOST: usize = 8;

type Rows = Vec<Vec<Expr>>;

/// The matrix that a sum or product with matrices comes to; nothing for everything else.
pub(crate) fn value(expr: &Expr) -> Option<Expr> {
    matches!(expr, Expr::Add(_) | Expr::Mul(_)).then(|| rows(expr, 0))?.map(Expr::Matrix)
}

fn rows(expr: &Expr, depth: u32) -> Option<Rows> {
    if depth > 4 {
        return None;
    }
    match expr {
        Expr::Matrix(rows) => {
            let width = rows.first()?.len();
            (rows.len() <= MOST && width <= MOST && rows.iter().all(|row| row.len() == width)).then(|| rows.clone())
        }
        Expr::Add(items) => {
            let mut items = items.iter().map(|item| rows(item, depth + 1));
            let first = items.next()??;
            items.try_fold(first, |sum, item| {
                let item = item?;
                let fits = sum.len() == item.len() && sum.iter().zip(&item).all(|(a, b)| a.len() == b.len());
                let add =
                    |(a, b): (Vec<Expr>, Vec<Expr>)| a.into_iter().zip(b).map(|(a, b)| Expr::Add(vec![a, b])).collect();
                fits.then(|| sum.into_iter().zip(item).map(add).collect())
            })
        }
        Expr::Mul(items) => {
            let mut scale = Vec::new();
            let mut product: Option<Rows> = None;
            for item in items.iter().take(16) {
                match rows(item, depth + 1) {
                    Some(next) => product = Some(product.map_or(Some(next.clone()), |before| times(&before, &next))?),
                    None if item.is_scalar() => scale.push(item.clone()),
                    None => return None,
                }
            }
            let scaled = |cell: Expr| Expr::Mul(scale.iter().cloned().chain([cell]).collect());
            Some(product?.into_iter().map(|row| row.into_iter().map(scaled).collect()).collect())
        }
        _ => None,
    }
}

fn times(a: &Rows, b: &Rows) -> Option<Rows> {
    if a.first()?.len() != b.len() {
        return None;
    }
    let width = b.first()?.len();
    let cell = |row: &Vec<Expr>, column: usize| {
        let parts =
            row.iter().zip(b).filter_map(|(x, other)| Some(Expr::Mul(vec![x.clone(), other.get(column)?.clone()])));
        Expr::Add(parts.collect())
    };
    Some(a.iter().map(|row| (0..width).map(|column| cell(row, column)).collect()).collect())
}
