package export

import (
	"context"
	"errors"
	"io"
)

// decimals returns the sign before the decimals of the file's amounts, "." or
// ",". It is "" if they do not show one, or show both. It reads the whole file
// the first time that it is asked, and keeps none of it.
func (e *File) decimals(ctx context.Context) (string, error) {
	if e.searched {
		return e.decimal, nil
	}
	shown, err := e.shownDecimals(ctx)
	if err != nil {
		return "", err
	}
	if len(shown) == 1 {
		for only := range shown {
			e.decimal = only
		}
	}
	e.searched = true
	return e.decimal, nil
}

// shownDecimals returns the signs that the amounts of the file have before
// their decimals, as far as an amount shows that.
func (e *File) shownDecimals(ctx context.Context) (map[string]bool, error) {
	shown := make(map[string]bool)
	at := e.layout.column[fieldAmount]
	for all := e.from(e.layout.first); len(shown) < 2; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rec, err := all.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if rec.problem != "" || at >= len(rec.fields) {
			continue
		}
		if one := e.format.shownDecimal(cell(rec.fields[at])); one != "" {
			shown[one] = true
		}
	}
	return shown, nil
}
