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
// mark, or UTF-16 with one, which is Excel's "Unicode text". Records without
// any value are skipped.
//
// If a line is no record, only that line is set aside and reading goes on at
// the next one: a stray quote costs no other row. A record may be 1 MiB long;
// if its quotes do not close within that, its first line is the bad one. At
// most one page of rows is held in memory.
//
// # Columns
//
// [Config].Columns names the column of a field. Fields that it leaves out are
// found by their label ("Gift Name") or property name ("gift_name") in HubSpot;
// case, spaces, underscores and dashes are ignored. Two columns for one field,
// and a file without a column for the transaction id, are refused. Unknown
// columns are kept in the raw row and not read.
//
// # Values
//
// Texts, status words and the default currency are the dialect's, as for the
// API. Beyond its time formats the common forms of ISO 8601 are read; a date
// such as 01/02/2026 only where dialect.time_formats says what it means.
//
// Amounts are in major units. An amount is read only if it can mean one thing:
// "1,234.50" and "1.234,50", "7,50" and "1234" are; "1,234" and "1.234" are
// not, because their separator may be that of thousands or of decimals. A
// currency symbol is dropped if the currency is known from elsewhere. A
// currency code beside the amount is the currency.
//
// A row with a value that cannot be read is no transaction, as with the API.
// Its error names the line and the field and says what to do; the value is not
// left out. An id that a spreadsheet has rounded ("1.23457E+15") is refused,
// because many transactions share it.
package export
