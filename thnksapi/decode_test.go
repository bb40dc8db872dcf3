package thnksapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi"
)

// decode reads an element with a client that makes no calls.
func decode(t testing.TB, change func(*thnksapi.Dialect), element string) []thnksapi.Row {
	t.Helper()
	return newClient(t, nil, change).Decode(json.RawMessage(element))
}

func TestDecodeTolerates(t *testing.T) {
	tests := []struct {
		element string
		want    thnksapi.Transaction
	}{
		{`{"id":9007199254740993}`, thnksapi.Transaction{ID: "9007199254740993", Status: "unknown"}},
		{`{"id":"a","gift_request_id":12,"message":true,"status":1}`, thnksapi.Transaction{ID: "a", RequestID: "12", Message: "true", Status: "unknown", RawStatus: "1"}},
		{`{"id":"a","status":" ReDeemed ","more":{"x":[1]}}`, thnksapi.Transaction{ID: "a", Status: "redeemed", RawStatus: " ReDeemed "}},
		{`{"id":"a","status":"Undeliverable"}`, thnksapi.Transaction{ID: "a", Status: "undelivered", RawStatus: "Undeliverable"}},
		{`{"id":"a","recipient":{"last_name":"Doe","name":"J. Doe"}}`, thnksapi.Transaction{ID: "a", Status: "unknown", Recipient: thnksapi.Person{Name: "Doe"}}},
		{`{"id":"a","recipient":{"first_name":"","last_name":null,"name":"J. Doe"}}`, thnksapi.Transaction{ID: "a", Status: "unknown", Recipient: thnksapi.Person{Name: "J. Doe"}}},
		{`{"id":"a","recipient":[],"sender":"x","gift":null}`, thnksapi.Transaction{ID: "a", Status: "unknown"}},
		{`{"id":"a","message":"\u0000\ud83c"}`, thnksapi.Transaction{ID: "a", Status: "unknown", Message: "\x00\uFFFD"}},
		{`{"id":null}`, thnksapi.Transaction{Status: "unknown"}},
		{`{}`, thnksapi.Transaction{Status: "unknown"}},
		{
			`{"id":"a","created_at":"0001-01-01T00:00:00Z","sent_at":"0001-01-01T00:00:00Z","opened_at":"","updated_at":"2026-01-02T03:04:05.678+01:00"}`,
			thnksapi.Transaction{ID: "a", Status: "unknown", UpdatedAt: time.Date(2026, 1, 2, 2, 4, 5, 678e6, time.UTC)},
		},
		{
			`{"id":"a","scheduled_at":"2026-01-02T03:04:05Z"}`,
			thnksapi.Transaction{ID: "a", Status: "unknown", Times: map[string]time.Time{"scheduled": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
		},
	}
	for _, test := range tests {
		rows := decode(t, nil, test.element)
		if len(rows) != 1 || rows[0].Err != nil {
			t.Errorf("%s: %+v", test.element, rows)
			continue
		}
		if test.want.Times == nil {
			test.want.Times = map[string]time.Time{}
		}
		test.want.Missing = rows[0].Transaction.Missing // see TestMissingField
		if diff := gocmp.Diff(&test.want, rows[0].Transaction); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.element, diff)
		}
		if string(rows[0].Raw) != test.element {
			t.Errorf("raw is %s, want %s", rows[0].Raw, test.element)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + `1` + strings.Repeat(`}`, 70)
	tests := []struct{ element, problem string }{
		{`"secret"`, "want an object"},
		{`null`, "want an object"},
		{`[]`, "want an object"},
		{`{"id":"secret`, "not valid JSON"},
		{`{"id":"a"} {"id":"secret"}`, "not valid JSON"},
		{``, "not valid JSON"},
		{`{"id":["secret"]}`, "id: want text"},
		{`{"id":"a","message":{"secret":1}}`, "message: want text"},
		{`{"id":"a","amount":{"value":"secret"}}`, "amount: not a decimal number"},
		{`{"id":"a","amount":{"value":"7,50"}}`, "amount: not a decimal number"},
		{`{"id":"a","amount":{"value":1e99}}`, "amount: not a decimal number"},
		{`{"id":"a","amount":{"value":1e999999999999}}`, "amount: not a decimal number"},
		{`{"id":"a","amount":{"value":"` + strings.Repeat("9", 60) + `"}}`, "amount: a decimal number of more than"},
		{`{"id":12345.0,"message":"secret"}`, "id: the transaction id is a number with a fraction"},
		{`{"id":"a","x":` + deep + `}`, "nested deeper than 64"},
	}
	for _, test := range tests {
		rows := decode(t, nil, test.element)
		if len(rows) != 1 || rows[0].Transaction != nil || rows[0].Err == nil || !strings.Contains(rows[0].Err.Error(), test.problem) {
			t.Errorf("%.60s: %+v, want an error that says %q", test.element, rows, test.problem)
			continue
		}
		if strings.Contains(rows[0].Err.Error(), "secret") {
			t.Errorf("%v quotes a value", rows[0].Err)
		}
	}
}

func TestBadElementSparesItsPage(t *testing.T) {
	s := page(`{"transactions":[{"id":"a"},7,{"id":"b","message":[]},{"id":"a"},{"id":"c"}],"next_cursor":null}`)
	got, err := newClient(t, s, nil).Transactions(t.Context(), thnksapi.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range got.Rows {
		if r.Err != nil {
			ids = append(ids, "!"+string(r.Raw))
		} else {
			ids = append(ids, r.Transaction.ID)
		}
	}
	want := []string{"a", "!7", `!{"id":"b","message":[]}`, "a", "c"}
	if diff := gocmp.Diff(want, ids); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecipients(t *testing.T) {
	change := func(d *thnksapi.Dialect) {
		d.Recipients = "/to"
		d.Fields.ID = []string{"/to/-/id", "/id"}
		d.Fields.RecipientEmail = []string{"/to/-/email"}
	}
	tests := []struct {
		element string
		want    string // id email, or ! for a bad row; in order
	}{
		{`{"id":"p","to":[{"id":"1","email":"a@x"},{"id":2,"email":"b@x"}]}`, "1 a@x, 2 b@x"},
		{`{"id":"p","to":[{"email":"a@x"}]}`, "p a@x"},
		{`{"id":"p","to":[{"email":"a@x"},{"email":"b@x"},{"id":"3"}]}`, "p a@x, !, 3 "},
		{`{"id":"p","to":[]}`, "p "},
		{`{"id":"p","to":null}`, "p "},
		{`{"id":"p"}`, "p "},
		{`{"id":"p","to":"a@x"}`, "!"},
		{`{"id":"p","to":[{"id":"1"},7,{"id":{}}]}`, "1 , p , !"},
	}
	for _, test := range tests {
		var got []string
		for _, r := range decode(t, change, test.element) {
			if r.Err != nil {
				got = append(got, "!")
				continue
			}
			got = append(got, r.Transaction.ID+" "+r.Transaction.Recipient.Email)
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %q, want %q", test.element, strings.Join(got, ", "), test.want)
		}
	}
}

func TestMinorUnits(t *testing.T) {
	for amount, want := range map[string]string{
		`{"value":750,"currency":"USD"}`:   "7.5 USD",
		`{"value":"750","currency":"eur"}`: "7.5 eur",
		`{"value":750,"currency":"JPY"}`:   "750 JPY",
		`{"value":750,"currency":"KWD"}`:   "0.75 KWD",
		`{"value":750,"currency":"CLF"}`:   "0.075 CLF",
		`{"value":-750}`:                   "-7.5 GBP",
		`{"value":7.5,"currency":"USD"}`:   "!",
		`{"value":750,"currency":"dough"}`: "!",
		`{"currency":"USD"}`:               "none USD",
		`{"value":0,"currency":"USD"}`:     "0 USD",
	} {
		row := decode(t, func(d *thnksapi.Dialect) {
			d.Money = thnksapi.Money{Unit: thnksapi.UnitMinor, DefaultCurrency: "GBP"}
		}, `{"id":"a","amount":`+amount+`}`)[0]
		got := "!"
		if x := row.Transaction; x != nil {
			got = "none " + x.Currency
			if x.Amount.Valid {
				got = x.Amount.Decimal.String() + " " + x.Currency
			}
		}
		if got != want {
			t.Errorf("%s is %s, want %s", amount, got, want)
		}
	}
	noCurrency := func(d *thnksapi.Dialect) { d.Money.Unit = thnksapi.UnitMinor }
	if row := decode(t, noCurrency, `{"id":"a","amount":{"value":1}}`)[0]; row.Err == nil {
		t.Error("minor units of no currency were accepted")
	}
}

// TestAmountsAreExact: any decimal is read exactly, as text or number, in major
// or minor units.
func TestAmountsAreExact(t *testing.T) {
	minor := newClient(t, nil, func(d *thnksapi.Dialect) { d.Money.Unit = thnksapi.UnitMinor })
	major := newClient(t, nil, nil)
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"USD", "JPY", "KWD", "CLF"}).Draw(t, "currency")
		places := map[string]int32{"USD": 2, "JPY": 0, "KWD": 3, "CLF": 4}[currency]
		want := decimal.New(rapid.Int64().Draw(t, "minor"), -places)
		quote := rapid.SampledFrom([]string{"", `"`}).Draw(t, "quote")
		for c, text := range map[*thnksapi.Client]string{major: want.String(), minor: want.Shift(places).String()} {
			row := c.Decode(json.RawMessage(`{"id":"a","amount":{"value":` + quote + text + quote + `,"currency":"` + currency + `"}}`))[0]
			if row.Err != nil || !row.Transaction.Amount.Decimal.Equal(want) {
				t.Fatalf("%s %s read as %+v", text, currency, row)
			}
		}
	})
}

func TestTimeFormats(t *testing.T) {
	want := time.Date(2026, 7, 1, 6, 30, 0, 0, time.UTC)
	zone := time.FixedZone("", -5*3600)
	formats := []string{"rfc3339", "epoch_ms", "2006-01-02 15:04", "date", "01/02/2006 3:04 PM MST"}
	d := thnksapi.DefaultDialect()
	d.TimeFormats = formats
	c, err := thnksapi.New(thnksapi.Config{BaseURL: "https://thnks.test", Key: testKey, Dialect: d, Zone: func() *time.Location { return zone }})
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]time.Time{
		`"2026-07-01T06:30:00Z"`:          want,
		`"2026-07-01T08:30:00.000+02:00"`: want,
		`1782887400000`:                   want,
		`"1782887400000"`:                 want,
		`1782887400000.25`:                want.Add(250 * time.Microsecond),
		`" 2026-07-01 01:30 "`:            want,
		`"2026-07-01"`:                    time.Date(2026, 7, 1, 5, 0, 0, 0, time.UTC),
		`"07/01/2026 6:30 AM UTC"`:        want,
		`null`:                            {},
	} {
		row := c.Decode(json.RawMessage(`{"id":"a","updated_at":` + value + `}`))[0]
		if row.Err != nil || !row.Transaction.UpdatedAt.Equal(want) {
			t.Errorf("%s is read as %+v %v, want %v", value, row.Transaction, row.Err, want)
		}
	}
	for _, value := range []string{"1e300", "99999999999999999", "999999999999999", "-99999999999999999", "-1.5", `"2026-13-01"`, `"10000-01-01T00:00:00Z"`} {
		row := c.Decode(json.RawMessage(`{"id":"a","updated_at":` + value + `}`))[0]
		if row.Err != nil || !row.Transaction.UpdatedAt.IsZero() || row.Transaction.Dropped != thnksapi.FieldUpdatedAt {
			t.Errorf("%s is read as %+v, want it dropped", value, row)
		}
	}
}

// FuzzDecode: any element under any of the dialects gives rows that are a
// transaction or an error, never both or neither, without a panic.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"id":"T-1","gift":{"name":"Coffee"},"amount":{"value":"7.50","currency":"USD"},"status":"sent","sent_at":"2026-01-02T03:04:05Z"}`,
		`{"request_id":1,"recipients":[{"transaction_id":"T-1","email":"a@x.example","updated_at":null},{}]}`,
		`{"transactionId":9007199254740993,"price":750,"priceCurrency":"JPY","lastModified":1782887400000}`,
		`[{}]`, `{"id":1e999}`, `{"amount":{"value":-0.0e-9}}`, "{\"id\":\"\xff\"}", `{"recipients":{"-":1}}`,
	} {
		f.Add([]byte(s))
	}
	clients := []*thnksapi.Client{
		newClient(f, nil, nil),
		newClient(f, nil, nested),
		newClient(f, nil, func(d *thnksapi.Dialect) { flat(d); d.Money.Unit = thnksapi.UnitMinor }),
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range clients {
			rows := c.Decode(raw)
			if len(rows) == 0 {
				t.Error("no row: the element is lost")
			}
			for _, r := range rows {
				if (r.Transaction == nil) == (r.Err == nil) {
					t.Errorf("neither or both: %+v", r)
				}
				if string(r.Raw) != string(raw) {
					t.Error("raw is not as received")
				}
				if r.Transaction != nil {
					if _, err := json.Marshal(r.Transaction); err != nil {
						t.Errorf("a transaction that cannot be written down: %v", err)
					}
				}
			}
		}
	})
}
