package thnksapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi"
)

// fieldNames has the fields in the order of their bits.
var fieldNames = []string{
	"request_id", "gift_name", "gift_type", "amount", "currency", "message", "tracking_url",
	"sender_name", "sender_email", "sender_phone", "recipient_name", "recipient_email", "recipient_phone",
	"status", "times", "created_at", "updated_at",
}

func names(s thnksapi.FieldSet) string {
	var out []string
	for i, name := range fieldNames {
		if s.Has(1 << i) {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// TestMissingField: a field is missing if none of its pointers leads anywhere; null
// and the empty text say that there is no value.
func TestMissingField(t *testing.T) {
	const everything = `"gift_request_id":1,"gift":{"name":"n","type":"t"},"amount":{"value":1,"currency":"USD"},"message":"m","tracking_url":"u",` +
		`"sender":{"name":"n","email":"e","phone":"p"},"recipient":{"name":"n","email":"e","phone":"p"},"status":"sent","sent_at":"2026-01-02T03:04:05Z","created_at":null,"updated_at":""`
	without := func(cut, put string) string {
		if !strings.Contains(everything, cut) {
			t.Fatalf("nothing to cut: %s", cut)
		}
		return `{"id":"a",` + strings.Replace(everything, cut, put, 1) + `}`
	}
	tests := []struct{ element, missing string }{
		{`{"id":"a",` + everything + `}`, ""},
		{`{"id":"a"}`, strings.Join(fieldNames, " ")},
		{without(`"message":"m",`, ``), "message"},
		{without(`"message":"m"`, `"message":null`), ""},
		{without(`"message":"m"`, `"message":""`), ""},
		{without(`"gift_request_id":1,`, ``), "request_id"},
		{without(`"status":"sent",`, ``), "status"},
		{without(`,"created_at":null`, ``), "created_at"},
		{without(`,"updated_at":""`, ``), "updated_at"},
		{without(`,"sent_at":"2026-01-02T03:04:05Z"`, ``), "times"},
		{without(`"sent_at":"2026-01-02T03:04:05Z"`, `"expired_at":null`), ""},
		{without(`"sent_at":"2026-01-02T03:04:05Z"`, `"scheduled_at":null`), ""}, // the second of two places
		{without(`{"name":"n","type":"t"}`, `null`), ""},
		{without(`{"name":"n","type":"t"}`, `""`), ""},
		{without(`{"name":"n","type":"t"}`, `{}`), "gift_name gift_type"},
		{without(`{"name":"n","type":"t"}`, `[]`), "gift_name gift_type"},
		{without(`{"name":"n","type":"t"}`, `"Coffee"`), "gift_name gift_type"},
		{without(`{"name":"n","type":"t"}`, `{"name":null}`), "gift_type"},
		{without(`{"value":1,"currency":"USD"}`, `null`), ""},
		{without(`"value":1,`, ``), "amount"},
		{without(`,"currency":"USD"`, ``), "currency"},
		{without(`"recipient":{"name":"n"`, `"recipient":{"last_name":null`), ""}, // a part of a place
		{without(`"recipient":{"name":"n",`, `"recipient":{`), "recipient_name"},
		{without(`"email":"e","phone":"p"},"recipient"`, `"x":1},"recipient"`), "sender_email sender_phone"},
	}
	for _, test := range tests {
		row := decode(t, nil, test.element)[0]
		if row.Err != nil {
			t.Errorf("%s: %v", test.element, row.Err)
		} else if got := names(row.Transaction.Missing); got != test.missing || row.Transaction.Dropped != 0 {
			t.Errorf("%s: missing %q, dropped %q, want %q and none", test.element, got, names(row.Transaction.Dropped), test.missing)
		}
	}

	inPounds := func(d *thnksapi.Dialect) { d.Money.DefaultCurrency = "GBP" }
	if x := decode(t, inPounds, `{"id":"a","amount":{"value":1}}`)[0].Transaction; x.Missing.Has(thnksapi.FieldCurrency) || x.Currency != "GBP" {
		t.Errorf("currency %q, missing %q, want the default, which is not missing", x.Currency, names(x.Missing))
	}
	perRecipient := func(d *thnksapi.Dialect) {
		d.Recipients = "/to"
		d.Fields.ID, d.Fields.RecipientEmail = []string{"/to/-/id", "/id"}, []string{"/to/-/email"}
	}
	for element, want := range map[string]bool{
		`{"id":"a","to":[{"email":null}]}`: false,
		`{"id":"a","to":[{}]}`:             true,
		`{"id":"a","to":null}`:             false,
		`{"id":"a","to":[]}`:               true,
		`{"id":"a"}`:                       true,
	} {
		if x := decode(t, perRecipient, element)[0].Transaction; x.Missing.Has(thnksapi.FieldRecipientEmail) != want {
			t.Errorf("%s: missing %q", element, names(x.Missing))
		}
	}
}

// TestDropped: a time or currency that is there and cannot be read is left out
// and noted; the rest of the row is a transaction.
func TestDropped(t *testing.T) {
	milli := func(d *thnksapi.Dialect) {
		d.TimeFormats = []string{thnksapi.FormatEpochMilli}
		d.Money.DefaultCurrency = "GBP"
	}
	tests := []struct {
		change  func(*thnksapi.Dialect)
		field   string
		dropped string
	}{
		{nil, `"sent_at":"soon"`, "times"},
		{nil, `"sent_at":"1999-12-31T23:59:59Z"`, "times"},
		{nil, `"sent_at":"2101-01-01T00:00:00Z"`, "times"},
		{nil, `"sent_at":{"at":"2026-01-02T03:04:05Z"}`, "times"},
		{nil, `"sent_at":"2026-01-02T03:04:05Z","opened_at":true`, "times"},
		{nil, `"created_at":1772323830`, "created_at"},
		{nil, `"updated_at":"01.02.2026"`, "updated_at"},
		{nil, `"updated_at":[]`, "updated_at"},
		{nil, `"amount":{"value":1,"currency":"US Dollar"}`, "currency"},
		{nil, `"amount":{"value":1,"currency":"$"}`, "currency"},
		{nil, `"amount":{"value":1,"currency":840}`, "currency"},
		{nil, `"amount":{"value":1,"currency":{"code":"USD"}}`, "currency"},
		{nil, `"amount":{"value":1,"currency":"ÜSD"}`, "currency"},
		{nil, `"amount":{"value":1,"currency":" usd "}`, ""},
		{nil, `"sent_at":"0001-01-01T00:00:00Z","created_at":"1970-01-01T00:00:00Z"`, ""}, // what some write for none
		{nil, `"sent_at":"0001-01-01T00:00:00","created_at":"1970-01-01T02:00:00+02:00"`, ""},
		{milli, `"sent_at":1772323830`, "times"}, // seconds
		{milli, `"sent_at":1772323830000`, ""},
		{milli, `"sent_at":0`, ""},
		{milli, `"amount":{"value":1,"currency":"US Dollar"}`, "currency"},
	}
	for _, test := range tests {
		row := decode(t, test.change, `{"id":"a",`+test.field+`}`)[0]
		if row.Err != nil {
			t.Errorf("%s: %v", test.field, row.Err)
			continue
		}
		x := row.Transaction
		if got := names(x.Dropped); got != test.dropped {
			t.Errorf("%s: dropped %q, want %q", test.field, got, test.dropped)
		}
		left := map[string]bool{"currency": x.Currency != "", "created_at": !x.CreatedAt.IsZero(), "updated_at": !x.UpdatedAt.IsZero()}
		if left[test.dropped] || x.Missing&x.Dropped != 0 {
			t.Errorf("%s: %+v is not left out, or is missing", test.field, x)
		}
	}
	inOrder := func(d *thnksapi.Dialect) {
		d.TimeFormats = []string{thnksapi.FormatEpochMilli, thnksapi.FormatEpochSecond}
	}
	if x := decode(t, inOrder, `{"id":"a","sent_at":1772323830}`)[0].Transaction; x.Dropped != 0 || x.Times["sent"].Unix() != 1772323830 {
		t.Errorf("sent at %v, want the format that makes a believable time of it", x.Times["sent"])
	}
}

// TestIDs: an id is taken digit by digit, or refused with the reason.
func TestIDs(t *testing.T) {
	for value, want := range map[string]string{
		`12345`:                     "12345",
		`9007199254740993`:          "9007199254740993",
		`123456789012345678901234`:  "123456789012345678901234",
		`"00123"`:                   "00123",
		`"T-1.5"`:                   "T-1.5",
		`"1.2.3"`:                   "1.2.3",
		`"5e8400e2"`:                "5e8400e2",
		`"12e45678"`:                "12e45678",
		`"1e234567"`:                "1e234567",
		`"550e8400-e29b-41d4-a716"`: "550e8400-e29b-41d4-a716",
		`12345.0`:                   "!12345.0",
		`12345.5`:                   "!12345.5",
		`1.2E+15`:                   "!1.2E+15",
		`1e3`:                       "!1e3",
		`12E15`:                     "!12E15",
		`"12345.0"`:                 "!12345.0",
		`" 12345.00 "`:              "! 12345.00 ",
		`"12345."`:                  "!12345.",
		`"1.2E+15"`:                 "!1.2E+15",
		`"1,2E+15"`:                 "!1,2E+15",
		`"1.23457e+15"`:             "!1.23457e+15",
		`"-1.5e-3"`:                 "!-1.5e-3",
		`"1E15"`:                    "!1E15",
		`"12E+15"`:                  "!12E+15",
		`{"n":1}`:                   "!",
	} {
		row := decode(t, nil, `{"id":`+value+`,"sent_at":"soon"}`)[0]
		got := ""
		if row.Err != nil {
			got = "!" + row.ID
			if row.ID != "" && (!errors.Is(row.Err, thnksapi.ErrBadID) || strings.Contains(row.Err.Error(), row.ID)) {
				t.Errorf("%s: %v, want ErrBadID and no value", value, row.Err)
			}
		} else {
			got = row.Transaction.ID
		}
		if got != want {
			t.Errorf("id %s is read as %q, want %q", value, got, want)
		}
	}
	twoPlaces := func(d *thnksapi.Dialect) { d.Fields.ID = []string{"/number", "/id"} }
	if row := decode(t, twoPlaces, `{"number":12345.0,"id":"a"}`)[0]; !errors.Is(row.Err, thnksapi.ErrBadID) {
		t.Errorf("%+v: another place stands in for a rounded id", row)
	}
}

// TestForeignTimes: the ways of ISO 8601 that RFC 3339 leaves out.
func TestForeignTimes(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	c, err := thnksapi.New(thnksapi.Config{BaseURL: "https://thnks.test", Key: testKey, Dialect: thnksapi.DefaultDialect(), Zone: func() *time.Location { return zone }})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	day := time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC) // midnight in the zone
	for value, want := range map[string]time.Time{
		"2026-03-01T10:00:00Z":             at,
		"2026-03-01T10:00:00+0000":         at,
		"2026-03-01T12:00:00+02":           at,
		"2026-03-01T15:30:00+0530":         at,
		"2026-03-01T06:30:00-0330":         at,
		"2026-03-01 10:00:00 UTC":          at,
		"2026-03-01 10:00:00 +0000":        at,
		"2026-03-01 12:00:00 +02:00":       at,
		"2026-03-01 10:00:00+00":           at,
		"2026-03-01T10:00:00 GMT":          at,
		"2026-03-01t10:00:00z":             at,
		"2026-03-01T10:00Z":                at,
		"2026-03-01T10:00:00,25Z":          at.Add(250 * time.Millisecond),
		"2026-03-01T10:00:00.1234567890+0": {},
		"2026-03-01 10:00:00.123456789012": at.Add(5*time.Hour + 123456789),
		"2026-03-01T10:00:00,000+0000":     at,
		"20260301T100000Z":                 at,
		"20260301T1000Z":                   at,
		"2026-03-01T05:00:00":              at,
		"2026-03-01 05:00":                 at,
		"2026-03-01":                       day,
		"20260301":                         day,
		"2026-0301":                        {},
		"2026-02-30":                       {},
		"2026-03-01T24:30:00Z":             {},
		"2026-03-01T10Z":                   {},
		"2026-03-01T10:00:00 EST":          {},
		"202603011":                        {},
	} {
		for _, v := range []string{`"` + value + `"`, `" ` + value + `\n"`} {
			x := c.Decode(json.RawMessage(`{"id":"a","updated_at":` + v + `}`))[0].Transaction
			if !x.UpdatedAt.Equal(want) || (x.Dropped != 0) != want.IsZero() {
				t.Errorf("%s is read as %v, dropped %q, want %v", v, x.UpdatedAt, names(x.Dropped), want)
			}
		}
	}
	if x := c.Decode(json.RawMessage(`{"id":"a","updated_at":20260301}`))[0].Transaction; !x.UpdatedAt.Equal(day) {
		t.Errorf("20260301 as a number is read as %v", x.UpdatedAt)
	}
	dates := newClient(t, nil, func(d *thnksapi.Dialect) { d.TimeFormats = []string{thnksapi.FormatEpochSecond, thnksapi.FormatDate} })
	for _, v := range []string{`20260301`, `"2026-03-01"`} {
		if x := dates.Decode(json.RawMessage(`{"id":"a","updated_at":` + v + `}`))[0].Transaction; x.UpdatedAt.Format(time.DateOnly) != "2026-03-01" {
			t.Errorf("%s is read as %v", v, x.UpdatedAt)
		}
	}
}

// TestWordsForNoValue: words for nothing stand for no time, amount and currency. In a
// text only the empty one does.
func TestWordsForNoValue(t *testing.T) {
	element := func(word string) string {
		return fmt.Sprintf(`{"id":"a","message":%[1]s,"gift":{"name":%[1]s},"amount":{"value":%[1]s,"currency":%[1]s},"sent_at":%[1]s,"created_at":%[1]s}`, word)
	}
	for _, word := range []string{
		"0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z", "None", "NONE", "NaN", `\\N`, "#N/A", "-", "–", "—", "n/a", "N/A", "NULL", "null", " null ",
		"nil", "undefined", "NaT", "00/00/0000", "(null)", "",
	} {
		row := decode(t, nil, element(`"`+word+`"`))[0]
		if row.Err != nil {
			t.Errorf("%q: %v", word, row.Err)
			continue
		}
		x := row.Transaction
		if x.Amount.Valid || x.Currency != "" || len(x.Times) != 0 || !x.CreatedAt.IsZero() || x.Dropped != 0 || x.Missing.Has(thnksapi.FieldAmount) || x.Missing.Has(thnksapi.FieldTimes) {
			t.Errorf("%q is read as %+v, want no amount, currency and times", word, x)
		}
		if text := strings.ReplaceAll(word, `\\`, `\`); x.Message != text || x.GiftName != text {
			t.Errorf("%q in a text is read as %q", word, x.Message)
		}
	}
	if x := decode(t, nil, element(`false`))[0].Transaction; x.Amount.Valid || x.Dropped != 0 || x.Message != "false" {
		t.Errorf("false is read as %+v", x)
	}
	own := func(d *thnksapi.Dialect) { d.Nothing = []string{"Leer"} }
	if x := decode(t, own, `{"id":"a","amount":{"value":"LEER","currency":""},"sent_at":"n/a"}`)[0].Transaction; x.Amount.Valid || names(x.Dropped) != "times" {
		t.Errorf("with words of its own: %+v", x)
	}
	if row := decode(t, own, `{"id":"a","amount":{"value":"None"}}`)[0]; row.Err == nil {
		t.Error("the setting does not replace the default words")
	}
	pounds := func(d *thnksapi.Dialect) { d.Money = thnksapi.Money{Unit: thnksapi.UnitMinor, DefaultCurrency: "GBP"} }
	if x := decode(t, pounds, `{"id":"a","amount":{"value":750,"currency":"n/a"}}`)[0].Transaction; x.Currency != "GBP" || x.Amount.Decimal.String() != "7.5" {
		t.Errorf("%v %s, want the default currency where none is named", x.Amount, x.Currency)
	}
}
