// Package thnksapi reads transactions from the Thnks API, and sends gifts.
//
// A transaction is one gift sent to one recipient: who sent it, who got it,
// what it was, what it cost, and when it reached which status. A [Client]
// only reads them. It translates field names, money units and status words and
// interprets nothing else; package sync decides what to do with them. A [Sender]
// sends a gift.
//
// Thnks publishes one call, which sends a gift (docs.thnks.com/thnks_integrations/overview).
// It does not publish how transactions are read. This package therefore
// assumes an API, and every assumption is a setting of a [Dialect]: an account
// whose API differs needs configuration and no code.
//
//	c, err := thnksapi.New(thnksapi.Config{
//		BaseURL: "https://api.thnks.com",
//		Key:     key,
//		Dialect: thnksapi.DefaultDialect(),
//	})
//	for q := (thnksapi.Query{Since: watermark}); ; {
//		page, err := c.Transactions(ctx, q)
//		…
//		if q.Cursor = page.Next; q.Cursor == "" {
//			break
//		}
//	}
//
// # Assumptions
//
// What is assumed, and the field of [Dialect] that changes it:
//
//	A1  ListPath: GET /api/v1/transactions lists transactions
//	A2  DetailPath: GET /api/v1/transactions/{id} returns one, 404 when there is none
//	A3  Detail: the detail answer is the transaction itself
//	A4  Auth: the header Authorization is the bare key
//	A5  Paging.Kind, Param, Pointer, First: the answer names the next page in
//	    /next_cursor, and the parameter cursor asks for it
//	A6  Paging.SizeParam, Size: the parameter limit asks for 500 elements a page
//	A7  Paging.Stop: the cursor of the last page is null or absent
//	A8  Since.Kind, Param: updated_since narrows the listing to what changed
//	A9  Since.Format: in RFC 3339
//	A10 Since.Overlap: asking from 15 minutes earlier makes up for rows that
//	    become visible late and for a filter that is exclusive
//	A11 Items: the elements are in /transactions
//	A12 Fields: where an element has which value
//	A13 Recipients: one element is one transaction to one recipient
//	A14 Money: amounts are in major units, and name their currency
//	A15 Statuses: the nine status words, in any case; other words are Unknown
//	A16 TimeFormats: times are in RFC 3339; the other ways of ISO 8601 are read
//	    as well
//	A20 Nothing: some four dozen words, such as None, n/a and 0000-00-00, stand
//	    for no time, amount or currency; in texts only the empty one does
//	A21 Paging.Nothing: a listing without transactions is an empty page, or 204
//
// Three more have no setting, because nothing breaks if they are wrong:
//
//	A17 A listing is oldest change first, and by id within one stamp. Any
//	    other order costs the estimate of the remaining time.
//	A18 The Date header is the source's clock. Without it there is none.
//	A19 The Since parameter may accompany a cursor; it is the same on
//	    every page.
//
// Times that name no zone are in [Config].Zone.
//
// # Recipients
//
// If one element is a request with several recipients (A13), each of them
// makes a transaction. In the fields' pointers, "-" directly after the pointer
// of Recipients means the recipient being read: with Recipients "/recipients",
// "/recipients/-/email" is its address. An element without recipients is read
// as one transaction.
//
// # Paging
//
// [Page].Next holds all that is needed to go on, in another process as well.
// A source that repeats a cursor, shows rows again that the listing has shown,
// or sends 1,000 empty pages in a row, is reported and not followed. Of a link
// to a next page we use only the cursor: no other host is ever called and no
// redirect followed.
//
// Beside null, the cursors false, 0, "", "null", {} and [] mean that there is no
// next page. A source may keep its cursor at the end if Paging.Stop is empty:
// the listing ends when that cursor shows nothing new. With page numbers, 400,
// 404 or 416 directly behind a full page ends a listing, if both are asked for
// by the same client within 15 minutes. Any other refusal is an error.
//
// Cursor paging is as reliable as the source's cursor. Page and offset paging
// count rows, and a listing shifts while it is read: a transaction that
// changes leaves its place, and the rows after it move up. A shift by up to
// one page of rows between two calls loses nothing. With offsets each page
// begins with the last row of the page before; if that row is no longer there,
// the page before is read again. With page numbers the page before is read
// again every time, at twice the calls. Rows can come twice. Larger shifts are
// left to the re-reads that the caller makes anyway.
//
// # Errors
//
// Calls are GETs. They are tried up to five times on network failures, 408,
// 429 and 5xx, and if a success is not JSON; a 401 is tried once more. Between
// tries we wait as long as Retry-After asks, or else a random part of 0.5 s, 1 s,
// 2 s and 4 s. A Retry-After above two minutes ends the call. Every failure is an
// [Error], whose Kind says what it means. An element that cannot be read is a
// [Row] with an Err and never fails its page. Neither quotes values, nor what
// net/http says, which quotes them.
//
// A time or currency that cannot be read is left out and noted in
// [Transaction].Dropped. An amount that cannot be read makes the row unreadable.
//
// # Sending
//
// A gift costs money, and the API has no key by which it would know that a
// request is repeated. So [Sender.Send] makes one attempt for one recipient and
// says whether the gift was sent, was not sent, or may have been; what to do then
// is its caller's. The answer to a gift request is assumed as well: a JSON object
// with gift_request_id and transactions, without error. One without these ids is a
// success, too, whose transaction is then found in the listing.
//
// # Limits
//
// At most [Config].RequestsPerSecond requests begin in any second. An answer
// has at most 64 MiB, decompressed, and 50,000 elements of 8 MiB each; it is
// taken apart while it comes. [Config].Memory bounds what the answers of all
// clients hold together. Of warnings one a minute is logged, with their number.
package thnksapi
