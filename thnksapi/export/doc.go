// Package export reads the transactions of an export file: the source of
// accounts whose Thnks has no call that lists them.
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
// bar, whichever the header has most of (or as Excel's "sep=;" line says).
// Lines end in LF, CRLF or CR. The text is UTF-8, with or without a byte order
// mark, or UTF-16 with one, which is Excel's "Unicode text". Records without
// any value are passed over.
//
// A line that is no record is given up alone, and reading goes on at the line
// after it, so that a stray quote costs no other row: a record may be 1 MiB
// long, and where its quotes do not close within that, its first line is the
// bad one. Nothing but one page of rows is ever held.
//
// # Columns
//
// [Config].Columns names the column of a field; where it does not, the
// column's label ("Gift Name") or property name ("gift_name") in HubSpot does,
// with case, spaces, underscores and dashes ignored. Two columns for one
// field, and a file without a column for the transaction id, are refused.
// Columns that nothing is known of are kept in the raw row and not read.
//
// # Values
//
// Texts, status words and the default currency are the dialect's, as for the
// API. Beyond its time formats the common forms of ISO 8601 are read; a date
// such as 01/02/2026 only where dialect.time_formats says what it means.
//
// Amounts are in major units, and only those are read that can mean one
// thing: "1,234.50" and "1.234,50", "7,50" and "1234"; but neither "1,234" nor
// "1.234", which is a thousand to some and a little more than one to others. A
// currency symbol is dropped where the currency is told elsewhere, and a
// currency code beside the amount is the currency.
//
// A row with a value that cannot be read is no transaction, as with the API:
// it says which line and field, and what to do, instead of leaving the value
// out. An id that a spreadsheet has rounded ("1.23457E+15") is refused, since
// many transactions share it.
package export
