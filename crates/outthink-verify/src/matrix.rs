//! Sums and products of matrices, worked out cell by cell.

use crate::ast::Expr;

/// Rows and columns of a matrix that is computed with.
const MOST: usize = 8;

/// Factors of a product with matrices, and parts of all cells.
const MOST_FACTORS: usize = 16;
const MOST_PARTS: usize = 2_000;

type Rows = Vec<Vec<Expr>>;

/// A cell that is a number as one.
fn folded(cell: Expr) -> Expr {
    match crate::exact::exact(&cell, &[]) {
        Some(value) => Expr::Num { value, decimal: false },
        None => cell,
    }
}

fn size(expr: &Expr) -> usize {
    1 + expr.children().into_iter().map(size).sum::<usize>()
}

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
            if items.len() > MOST_FACTORS {
                return None;
            }
            for item in items {
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

/// The determinant of a square matrix of at most four rows, by its cells.
pub(crate) fn determinant(matrix: &Expr) -> Option<Expr> {
    let rows = rows(matrix, 0)?;
    (rows.len() <= 4 && rows.iter().all(|row| row.len() == rows.len())).then(|| laplace(&rows)).flatten()
}

fn laplace(rows: &[Vec<Expr>]) -> Option<Expr> {
    let (first, below) = rows.split_first()?;
    if below.is_empty() {
        return first.first().cloned();
    }
    let mut terms = Vec::new();
    for (column, cell) in first.iter().enumerate() {
        let minor = laplace(&without(below, column))?;
        let sign = if column % 2 == 0 { 1 } else { -1 };
        terms.push(Expr::Mul(vec![Expr::int(sign), cell.clone(), minor]));
    }
    Some(Expr::Add(terms))
}

/// Rows without a column.
fn without(rows: &[Vec<Expr>], column: usize) -> Rows {
    let cut = |row: &Vec<Expr>| -> Vec<Expr> {
        row.iter().enumerate().filter(|(at, _)| *at != column).map(|(_, cell)| cell.clone()).collect()
    };
    rows.iter().map(cut).collect()
}

/// Rows as columns.
pub(crate) fn transposed(matrix: &Expr) -> Option<Expr> {
    let rows = rows(matrix, 0)?;
    let column = |at: usize| rows.iter().map(|row| row.get(at).cloned()).collect::<Option<Vec<_>>>();
    (0..rows.first()?.len()).map(column).collect::<Option<Rows>>().map(Expr::Matrix)
}

/// A square matrix to a whole power: to -1 with at most three rows, else to at most eight.
pub(crate) fn power(matrix: &Expr, exponent: &num_rational::BigRational) -> Option<Expr> {
    let rows = rows(matrix, 0)?;
    let n = i32::try_from(exponent.to_integer()).ok().filter(|_| exponent.is_integer())?;
    if rows.iter().any(|row| row.len() != rows.len()) {
        return None;
    }
    if n == -1 && (2..=3).contains(&rows.len()) {
        let over = laplace(&rows)?.recip();
        let cell = |i: usize, j: usize| {
            // The cofactor of the mirrored place.
            let below: Rows = rows.iter().enumerate().filter(|(at, _)| *at != j).map(|(_, row)| row.clone()).collect();
            let sign = if (i + j).is_multiple_of(2) { 1 } else { -1 };
            Some(Expr::Mul(vec![Expr::int(sign), laplace(&without(&below, i))?, over.clone()]))
        };
        let row = |i: usize| (0..rows.len()).map(|j| cell(i, j)).collect::<Option<Vec<_>>>();
        return (0..rows.len()).map(row).collect::<Option<Rows>>().map(Expr::Matrix);
    }
    // Cells grow with each product: numbers only.
    let numeric = rows.iter().flatten().all(|cell| crate::exact::exact(cell, &[]).is_some());
    if !(1..=8).contains(&n) || !numeric {
        return None;
    }
    let mut product = rows.clone();
    for _ in 1..n {
        product = times(&product, &rows)?;
    }
    Some(Expr::Matrix(product))
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
    // Cells grow with each product, but where they are numbers.
    let product: Rows = a.iter().map(|row| (0..width).map(|column| folded(cell(row, column))).collect()).collect();
    let size: usize = product.iter().flatten().map(size).sum();
    (size <= MOST_PARTS).then_some(product)
}
