// Package export reads the transactions of an export file (CSV). It is the
// source of accounts whose Thnks API has no call that lists transactions.
//
// A [Format] holds a portal's settings. It opens a [File], which is read page
// by page like the API's listing (package thnksapi) and returns the same rows.
//
//	format, err := export.New(export.Config{Columns: columns, Dialect: thnksapi.DefaultDialect(), Zone: zone})
//	file, err := format.Open("/var/lib/thnks-hubspot-sync/thnks.csv")
//	defer file.Close()
//	for q := (thnksapi.Query{}); ; {
//		page, err := file.Transactions(ctx, q)
//		…
//		if q.Cursor = page.Next; q.Cursor == "" {
//			break
//		}
//	}
//
// # The file
//
// A header and then records by RFC 4180, separated by comma, semicolon, tab or
// bar: the one that the header has most of, or the one in Excel's "sep=;" line.
// Lines end in LF, CRLF or CR. The text is UTF-8, with or without a byte order
// mark, or UTF-16 with one, which is Excel's "Unicode text". Lines without any
// value are skipped, before the header, too; so are further byte order marks at
// the beginning of a record, and Ctrl-Z at the end of a file.
//
// If a line is no record, only that line is set aside and reading goes on at
// the next one: a stray quote costs no other row. It keeps its transaction id
// ([thnksapi.Row].ID) if that can be read. A record may be 1 MiB long; if its
// quotes do not close within that, its first line is the bad one. At most one
// page of rows is held in memory.
//
// A line may have fewer cells than the header, or further empty ones. If the
// last line is short and has no line end, the file was cut off: the line is set
// aside. So is a short line whose text in the id's column is no id, such as a
// total. A header that stands within the file again is counted
// ([File.RepeatedHeaders]) and is no row. One with other columns ends the
// listing with an error.
//
// # Columns
//
// [Config].Columns names the column of a field. Fields that it leaves out are
// found by their label ("Gift Name") or property name ("gift_name") in HubSpot;
// case, spaces, underscores and dashes are ignored. Two columns for one field,
// and a file without a column for the transaction id, are refused. Unknown
// columns are kept in the raw row and not read. Messages name columns by number
// and never show the names of unknown ones, because a file without a header has
// a row in its place.
//
// # Values
//
// Texts, status words and the default currency are the dialect's, as for the
// API. A field whose column the file or the line does not have is missing
// ([thnksapi.Transaction].Missing): the file says nothing of it. The dates of
// statuses are one field, which is missing if all of them are. An empty cell
// says that there is no value. So do words such as "n/a" or "0000-00-00"
// ([Config].Nothing) in dates, amounts and currencies, and nowhere else.
//
// The apostrophe is taken off that exporters put before a text which a
// spreadsheet would take for a formula, and so is the formula ="…" around a
// text. Ids have no invisible characters. An id that a spreadsheet or a program
// has spoilt is refused: a rounded one ("1.23457E+15"), which many transactions
// share, one with decimals ("12345.0") and the error of a formula ("#REF!").
//
// Beyond the dialect's time formats the common forms of ISO 8601 are read; a
// date such as 01/02/2026 only where dialect.time_formats says what it means. A
// date or currency that cannot be read is left out and named
// ([thnksapi.Transaction].Dropped).
//
// Amounts are in major units. "1,234.50", "1.234,50", "7,50" and "1234" can mean
// one thing only. In "1,234" and "1.234" the separator may be that of thousands
// or of decimals: the other amounts of the file decide, and if they show no
// sign before decimals, or both, [Config].Decimal does. For a currency with less
// than three decimals the setting alone can say that they are decimals. A minus
// may stand on either side, or parentheses in its place. A symbol or code beside
// an amount must be able to stand for the row's currency; if the row has none
// and the symbol stands for only one, that is the currency.
//
// A row whose id or amount cannot be read is no transaction. Its error names the
// line and the field and says what to do.
package export
