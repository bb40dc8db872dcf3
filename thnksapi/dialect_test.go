package thnksapi_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

const testKey = "key-0123456789"

// end is the present of generated data.
var end = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A variant is an API that differs from the assumed one, with its dialect.
type variant struct {
	name    string
	shape   thnksapitest.Shape
	dialect func(*thnksapi.Dialect)
}

func variants() []variant {
	type (
		shape   = thnksapitest.Shape
		dialect = thnksapi.Dialect
	)
	page := func(d *dialect) {
		d.Paging = thnksapi.Paging{Kind: thnksapi.PagingPage, Param: "page", First: 1, SizeParam: "per_page", Size: 50, Stop: thnksapi.StopEmpty}
	}
	offset := func(d *dialect) {
		d.Paging = thnksapi.Paging{Kind: thnksapi.PagingOffset, Param: "offset", SizeParam: "limit", Size: 50, Stop: thnksapi.StopEmpty}
	}
	return []variant{
		{"A1 A2 paths", shape{Prefix: "/gifting/v3"}, func(d *dialect) {
			d.ListPath = "/gifting/v3/api/v1/transactions"
			d.DetailPath = "/gifting/v3/api/v1/transactions/{id}"
		}},
		{"A3 detail", shape{Wrapped: true}, func(d *dialect) { d.Detail = "/data" }},
		{"A4 auth", shape{AuthHeader: "X-Api-Key", AuthTemplate: "Token token={key}"}, func(d *dialect) {
			d.Auth = thnksapi.Auth{Header: "x-api-key", Template: "Token token={key}"}
		}},
		{"A5 links", shape{Links: true}, func(*dialect) {}},
		{"A5 pages", shape{Paging: thnksapitest.PagePaging}, page},
		{"A5 offset", shape{Paging: thnksapitest.OffsetPaging}, offset},
		{"A7 short", shape{Paging: thnksapitest.PagePaging}, func(d *dialect) { page(d); d.Paging.Stop = thnksapi.StopShort }},
		{"A8 created", shape{Filter: thnksapitest.CreatedFilter}, func(d *dialect) {
			d.Since.Kind, d.Since.Param = thnksapi.SinceCreated, "created_since"
		}},
		{"A8 none", shape{Filter: thnksapitest.NoFilter}, func(d *dialect) { d.Since.Kind = thnksapi.SinceNone }},
		{"A9 date", shape{FilterFormat: "date"}, func(d *dialect) { d.Since.Format = thnksapi.FormatDate }},
		{"A9 epoch seconds", shape{FilterFormat: "epoch_s"}, func(d *dialect) { d.Since.Format = thnksapi.FormatEpochSecond }},
		{"A9 epoch milliseconds", shape{FilterFormat: "epoch_ms"}, func(d *dialect) { d.Since.Format = thnksapi.FormatEpochMilli }},
		{"A11 bare", shape{Paging: thnksapitest.OffsetPaging, Bare: true}, func(d *dialect) { offset(d); d.Items = "" }},
		{"A12 A15 A16 fields", shape{Flat: true}, flat},
		{"A13 recipients", shape{Nested: true}, nested},
		{"A14 minor", shape{MinorUnits: true}, func(d *dialect) { d.Money.Unit = thnksapi.UnitMinor }},
	}
}

// flat sets the dialect of thnksapitest's Flat shape.
func flat(d *thnksapi.Dialect) {
	d.Fields = thnksapi.Fields{
		ID: []string{"/transactionId"}, RequestID: []string{"/request~1id"},
		GiftName: []string{"/name", "/title"}, GiftType: []string{"/category"},
		Amount: []string{"/price"}, Currency: []string{"/priceCurrency"},
		Message: []string{"/note"}, TrackingURL: []string{"/link"},
		SenderName: []string{"/from"}, SenderEmail: []string{"/fromAddress"},
		RecipientName: []string{"/to", "/toFirst + /toLast"}, RecipientEmail: []string{"/toAddress"}, RecipientPhone: []string{"/toPhone"},
		Status: []string{"/state"},
		Times: map[string][]string{
			thnksapi.Sent: {"/sentOn"}, thnksapi.Redeemed: {"/redeemedOn"},
		},
		CreatedAt: []string{"/created"}, UpdatedAt: []string{"/lastModified"},
	}
	d.Statuses = make(map[string]string)
	for _, s := range []string{"scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated"} {
		d.Statuses["state_"+s] = s
	}
	d.TimeFormats = []string{thnksapi.FormatRFC3339, thnksapi.FormatEpochMilli}
}

// nested sets the dialect of thnksapitest's Nested shape.
func nested(d *thnksapi.Dialect) {
	d.Recipients = "/recipients"
	f := &d.Fields
	f.ID, f.RequestID = []string{"/recipients/-/transaction_id"}, []string{"/request_id"}
	f.Amount, f.Currency = []string{"/recipients/-/amount/value"}, []string{"/recipients/-/amount/currency"}
	f.Message = []string{"/recipients/-/message"}
	f.RecipientName = []string{"/recipients/-/first_name + /recipients/-/last_name"}
	f.RecipientEmail, f.RecipientPhone = []string{"/recipients/-/email"}, []string{"/recipients/-/phone"}
	f.Status = []string{"/recipients/-/status"}
	for _, s := range []string{"sent", "redeemed"} {
		f.Times[s] = []string{"/recipients/-/" + s + "_at"}
	}
	f.CreatedAt, f.UpdatedAt = []string{"/recipients/-/created_at"}, []string{"/recipients/-/updated_at"}
}

// An essence has the values that every shape of a transaction carries.
type essence struct {
	ID, Request, Gift, Type, Amount, Currency, Message string
	From, FromAddress, To, ToAddress, ToPhone, Status  string
	Created, Updated, Sent, Redeemed                   time.Time
}

func want(t thnksapitest.Transaction) essence {
	amount := ""
	if t.Amount != "" {
		amount = decimal.RequireFromString(t.Amount).String()
	}
	return essence{
		ID: t.ID, Request: t.RequestID, Gift: t.Gift.Name, Type: t.Gift.Type, Amount: amount, Currency: t.Currency, Message: t.Message,
		From: t.Sender.Name(), FromAddress: t.Sender.Email, To: t.Recipient.Name(), ToAddress: t.Recipient.Email, ToPhone: t.Recipient.Phone,
		Status: t.Status, Created: milli(t.CreatedAt), Updated: milli(t.UpdatedAt), Sent: milli(t.Times.Sent), Redeemed: milli(t.Times.Redeemed),
	}
}

func got(t *thnksapi.Transaction) essence {
	amount := ""
	if t.Amount.Valid {
		amount = t.Amount.Decimal.String()
	}
	return essence{
		ID: t.ID, Request: t.RequestID, Gift: t.GiftName, Type: t.GiftType, Amount: amount, Currency: t.Currency, Message: t.Message,
		From: t.Sender.Name, FromAddress: t.Sender.Email, To: t.Recipient.Name, ToAddress: t.Recipient.Email, ToPhone: t.Recipient.Phone,
		Status: t.Status, Created: milli(t.CreatedAt), Updated: milli(t.UpdatedAt), Sent: milli(t.Times["sent"]), Redeemed: milli(t.Times["redeemed"]),
	}
}

func milli(t time.Time) time.Time { return t.Truncate(time.Millisecond) }

// newClient returns a client of a handler.
func newClient(t testing.TB, h http.Handler, change func(*thnksapi.Dialect)) *thnksapi.Client {
	t.Helper()
	d := thnksapi.DefaultDialect()
	if change != nil {
		change(&d)
	}
	c, err := thnksapi.New(thnksapi.Config{BaseURL: "https://thnks.test", Key: testKey, Dialect: d, Transport: thnksapitest.Transport(h), RequestsPerSecond: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// listAll goes through a listing, and returns the newest state of each
// transaction and how many rows came.
func listAll(c *thnksapi.Client, since time.Time) (map[string]essence, int, error) {
	found, rows := make(map[string]essence), 0
	for q := (thnksapi.Query{Since: since}); ; {
		page, err := c.Transactions(context.Background(), q)
		if err != nil {
			return found, rows, err
		}
		rows += len(page.Rows)
		for _, r := range page.Rows {
			if r.Err != nil {
				return found, rows, r.Err
			}
			e := got(r.Transaction)
			if old, ok := found[e.ID]; !ok || !old.Updated.After(e.Updated) {
				found[e.ID] = e
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return found, rows, nil
		}
	}
}

func essences(txs []thnksapitest.Transaction) map[string]essence {
	m := make(map[string]essence)
	for _, t := range txs {
		m[t.ID] = want(t)
	}
	return m
}

func TestDialects(t *testing.T) {
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 7, N: 330, Recipients: 60, End: end})
	txs[5].Amount, txs[5].Currency = "1250", "JPY"
	txs[6].Amount, txs[6].Currency = "2.75", "KWD"
	everything := append(variants(), variant{"as assumed", thnksapitest.Shape{}, func(*thnksapi.Dialect) {}})
	for _, v := range everything {
		t.Run(v.name, func(t *testing.T) {
			s := thnksapitest.New(thnksapitest.Options{Shape: v.shape, Keys: map[string]string{testKey: ""}, PageLimit: 100})
			s.Add(txs...)
			c := newClient(t, s, v.dialect)

			found, _, err := listAll(c, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(essences(txs), found); diff != "" {
				t.Errorf("whole listing differs (-want +got):\n%s", diff)
			}

			since := end.AddDate(0, -2, 0)
			found, _, err = listAll(c, since)
			if err != nil {
				t.Fatal(err)
			}
			if missing := missingSince(txs, found, since, c.Filter()); len(missing) > 0 {
				t.Errorf("missing since %v: %v", since, missing)
			}
			if c.Filter() != thnksapi.SinceNone && len(found) > len(txs)/2 {
				t.Errorf("the filter let %d of %d through", len(found), len(txs))
			}

			if v.shape.Nested || v.shape.Bare {
				return // these have no single transactions of interest
			}
			row, err := c.Transaction(context.Background(), txs[17].ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(want(txs[17]), got(row.Transaction)); diff != "" {
				t.Errorf("single transaction differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDialectsAreNeeded makes sure that the variants differ from the
// assumption: the default dialect must not read them right.
func TestDialectsAreNeeded(t *testing.T) {
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 7, N: 330, Recipients: 60, End: end})
	for _, v := range variants() {
		switch v.name {
		case "A5 links": // is understood without a setting
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			s := thnksapitest.New(thnksapitest.Options{Shape: v.shape, Keys: map[string]string{testKey: ""}, PageLimit: 100})
			s.Add(txs...)
			c := newClient(t, s, nil)
			since := end.AddDate(0, -2, 0)
			whole, _, err1 := listAll(c, time.Time{})
			part, _, err2 := listAll(c, since)
			row, err3 := c.Transaction(context.Background(), txs[17].ID)
			same := err1 == nil && err2 == nil && err3 == nil && row.Err == nil &&
				gocmp.Equal(essences(txs), whole) && len(part) < len(txs)/2
			if same {
				t.Error("the default dialect reads this variant as well, so the variant tests nothing")
			}
		})
	}
}

// missingSince returns the transactions that a listing since a time lacks.
func missingSince(txs []thnksapitest.Transaction, found map[string]essence, since time.Time, kind thnksapi.SinceKind) []string {
	var missing []string
	for _, t := range txs {
		stamp := t.UpdatedAt
		if kind == thnksapi.SinceCreated {
			stamp = t.CreatedAt
		}
		if _, ok := found[t.ID]; !ok && !stamp.Before(since) {
			missing = append(missing, t.ID)
		}
	}
	slices.SortFunc(missing, cmp.Compare[string])
	return missing
}

func TestSinceParameter(t *testing.T) {
	since := time.Date(2026, 3, 1, 0, 10, 30, 500e6, time.UTC)
	tests := []struct {
		since thnksapi.Since
		want  string
	}{
		{thnksapi.Since{Format: thnksapi.FormatRFC3339}, "2026-02-28T23:55:30Z"},
		{thnksapi.Since{Format: thnksapi.FormatRFC3339, Overlap: time.Hour}, "2026-02-28T23:10:30Z"},
		{thnksapi.Since{Format: thnksapi.FormatDate}, "2026-02-28"},
		{thnksapi.Since{Format: thnksapi.FormatDate, Overlap: time.Minute}, "2026-03-01"},
		{thnksapi.Since{Format: thnksapi.FormatEpochSecond}, "1772322930"},
		{thnksapi.Since{Format: thnksapi.FormatEpochMilli}, "1772322930500"},
	}
	for _, test := range tests {
		var asked string
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Query().Get("changed_after")
			_, _ = w.Write([]byte(`{"transactions":[],"next_cursor":null}`))
		})
		c := newClient(t, h, func(d *thnksapi.Dialect) {
			d.Since = test.since
			d.Since.Kind, d.Since.Param = thnksapi.SinceUpdated, "changed_after"
		})
		if _, err := c.Transactions(context.Background(), thnksapi.Query{Since: since}); err != nil {
			t.Fatal(err)
		}
		if asked != test.want {
			t.Errorf("%+v asks from %q, want %q", test.since, asked, test.want)
		}
	}
}

func TestFirstPageNumber(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{Shape: thnksapitest.Shape{Paging: thnksapitest.PagePaging}})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 7, N: 100, End: end})
	s.Add(txs...)
	fromZero := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		n, err := strconv.Atoi(query.Get("page"))
		if err != nil {
			t.Errorf("page %q", query.Get("page"))
		}
		query.Set("page", strconv.Itoa(n+1))
		r.URL.RawQuery = query.Encode()
		s.ServeHTTP(w, r)
	})
	c := newClient(t, fromZero, func(d *thnksapi.Dialect) {
		d.Paging = thnksapi.Paging{Kind: thnksapi.PagingPage, Param: "page", First: 0, SizeParam: "per_page", Size: 30, Stop: thnksapi.StopEmpty}
	})
	found, _, err := listAll(c, time.Time{})
	if err != nil || len(found) != len(txs) {
		t.Errorf("found %d of %d: %v", len(found), len(txs), err)
	}
}

// TestFixedQuery: a query in the list path is sent with every page.
func TestFixedQuery(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 10})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 7, N: 30, End: end})...)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("include") != "gift & sender" {
			t.Errorf("query %q", r.URL.RawQuery)
		}
		s.ServeHTTP(w, r)
	})
	c := newClient(t, h, func(d *thnksapi.Dialect) { d.ListPath += "?include=gift+%26+sender" })
	if found, _, err := listAll(c, time.Time{}); err != nil || len(found) != 30 {
		t.Errorf("found %d: %v", len(found), err)
	}
}

// TestMissingCursorWarns: a wrong pointer would end every listing after its
// first page.
func TestMissingCursorWarns(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 7, N: 50, End: end})...)
	for size, want := range map[int]bool{20: true, 100: false} {
		d := thnksapi.DefaultDialect()
		d.Paging.Pointer, d.Paging.Size = "/paging/next", size
		var logs bytes.Buffer
		c, err := thnksapi.New(thnksapi.Config{
			BaseURL: "https://thnks.test", Key: testKey, Dialect: d,
			Transport: thnksapitest.Transport(s), Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := listAll(c, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(logs.String(), "dialect.paging.pointer"); got != want {
			t.Errorf("with %d a page: warned %v, want %v", size, got, want)
		}
	}
}
