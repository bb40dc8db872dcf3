package plan

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// The contract's names, labels and types.
func TestFields(t *testing.T) {
	want := []string{
		"thnks_transaction_id|Transaction ID|string/text|unique|required|searchable",
		"gift_name|Gift Name|string/text|searchable",
		"gift_type|Gift Type|string/text",
		"gift_amount|Gift Amount|number/number|currency of gift_currency",
		"gift_currency|Gift Currency|enumeration/select|grows",
		"sender_name|Sender Name|string/text",
		"sender_email|Sender Email|string/text|email|searchable",
		"recipient_name|Recipient Name|string/text|searchable",
		"recipient_email|Recipient Email|string/text|email|searchable",
		"recipient_phone|Recipient Phone|string/phonenumber|phone_number",
		"status|Status|enumeration/select|Scheduled,Sent,Delivered,Opened,Redeemed,Refunded,Expired,Undelivered,Donated,Unknown",
		"status_raw|Status (as reported)|string/text",
		"message|Message|string/textarea",
		"scheduled_date|Scheduled Date|datetime/date",
		"sent_date|Sent Date|datetime/date",
		"delivered_date|Delivered Date|datetime/date",
		"opened_date|Opened Date|datetime/date",
		"redeemed_date|Redeemed Date|datetime/date",
		"refunded_date|Refunded Date|datetime/date",
		"expired_date|Expired Date|datetime/date",
		"undelivered_date|Undelivered Date|datetime/date",
		"donated_date|Donated Date|datetime/date",
		"tracking_url|Tracking URL|string/text",
		"parcel_status|Parcel Status|string/text",
		"parcel_status_date|Parcel Status Date|datetime/date",
		"thank_you_note|Thank-you Note|string/textarea",
	}
	var got []string
	for _, f := range Fields() {
		parts := []string{f.Name, f.Label, f.Type + "/" + f.FieldType}
		for _, p := range []struct {
			on   bool
			text string
		}{
			{f.TextHint != "", f.TextHint},
			{f.NumberHint != "", f.NumberHint + " of " + f.CurrencyOf},
			{f.Unique, "unique"},
			{f.Required, "required"},
			{f.Searchable, "searchable"},
			{f.Grows, "grows"},
		} {
			if p.on {
				parts = append(parts, p.text)
			}
		}
		if len(f.Options) > 0 {
			var labels []string
			for _, o := range f.Options {
				if o.Value != strings.ToLower(o.Label) {
					t.Errorf("option %q is labelled %q", o.Value, o.Label)
				}
				labels = append(labels, o.Label)
			}
			parts = append(parts, strings.Join(labels, ","))
		}
		got = append(got, strings.Join(parts, "|"))
		if (f.value == nil) != (f.parse == nil) {
			t.Errorf("%s: value and parse do not come together", f.Name)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	i := slices.IndexFunc(Fields(), func(f Field) bool { return f.Name == "status" })
	Fields()[i].Options[0].Label = "changed"
	if Fields()[i].Options[0].Label != "Scheduled" {
		t.Error("a caller can change the table")
	}
}

func TestProperties(t *testing.T) {
	g := Gift{
		ID: "T-17", RequestID: "R-3", Name: "Coffee for two", Type: "Coffee",
		Amount:  Money{decimal.RequireFromString("7.50"), "USD"},
		Message: "Thank you!\r\nAnn", TrackingURL: "https://app.thnks.com/t/17",
		Sender:    Person{Name: "Ann", Email: "Ann@Example.com"},
		Recipient: Person{Name: "Bob\nBuilder", Email: "bob@example.org", Phone: "+1 555 0100"},
		Status:    Sent, RawStatus: "SENT",
		Times:     map[Status]time.Time{Sent: time.Date(2026, 1, 2, 4, 4, 5, 6789000, time.FixedZone("CET", 3600))},
		UpdatedAt: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC),
		Claims:    []Claim{{Opened, time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}},
		Parcel:    Parcel{Status: "outForDelivery", At: time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC)},
		ThankYou:  Note{Text: "Lovely,\r\nthanks", At: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)},
	}
	want := map[string]string{
		"thnks_transaction_id": "T-17",
		"gift_name":            "Coffee for two",
		"gift_type":            "Coffee",
		"gift_amount":          "7.5",
		"gift_currency":        "USD",
		"sender_name":          "Ann",
		"sender_email":         "Ann@Example.com",
		"recipient_name":       "Bob Builder",
		"recipient_email":      "bob@example.org",
		"recipient_phone":      "+1 555 0100",
		"status":               "opened",
		"status_raw":           "SENT",
		"message":              "Thank you!\nAnn",
		"sent_date":            "2026-01-02T03:04:05.006Z",
		"opened_date":          "2026-01-03T00:00:00.000Z",
		"tracking_url":         "https://app.thnks.com/t/17",
		"parcel_status":        "outForDelivery",
		"parcel_status_date":   "2026-01-04T00:00:00.000Z",
		"thank_you_note":       "Lovely,\nthanks",
	}
	if d := cmp.Diff(want, Properties(g)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"thnks_transaction_id": "T-18", "status": "unknown"}, Properties(Gift{ID: "T-18"})); d != "" {
		t.Error(d)
	}
}

// TestPhoneIsCopiedAsItIs: a phone number is copied as it is, whatever it looks like, but for what
// no text may have; one that is too long is cut.
func TestPhoneIsCopiedAsItIs(t *testing.T) {
	for given, want := range map[string]string{
		"+1 555 0100": "+1 555 0100", "555-0100 ext. 5": "555-0100 ext. 5", "ask Bob": "ask Bob", "٠١٢٣": "٠١٢٣", "55\x0050": "5550",
	} {
		if got := Properties(Gift{ID: "T-1", Recipient: Person{Phone: given}})["recipient_phone"]; got != want {
			t.Errorf("%q is copied as %q, want %q", given, got, want)
		}
	}
	if got := Properties(Gift{ID: "T-1", Recipient: Person{Phone: strings.Repeat("5", 2*maxText)}})["recipient_phone"]; len(got) > maxText+len("…") || len(got) < maxText/2 {
		t.Errorf("a long one is copied with %d bytes", len(got))
	}
}

func TestAmountsAreWrittenOut(t *testing.T) {
	for _, tt := range []struct {
		money Money
		want  string
	}{
		{Money{}, ""},
		{Money{decimal.Zero, "USD"}, "0"},
		{Money{decimal.RequireFromString("1e3"), "JPY"}, "1000"},
		{Money{decimal.RequireFromString("1e-7"), "USD"}, "0.0000001"},
		{Money{decimal.RequireFromString("-12.340"), ""}, "-12.34"},
		{Money{decimal.RequireFromString("90071992547409931.01"), "USD"}, "90071992547409931.01"},
	} {
		if got := amount(Gift{Amount: tt.money}); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.money, got, tt.want)
		}
	}
}

func TestPropertiesRoundTrip(t *testing.T) {
	number := regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	rapid.Check(t, func(t *rapid.T) {
		g := genGift("T-1").Filter(func(g Gift) bool { return g.MessageDigest == "" && g.ThankYou.Digest == "" }).Draw(t, "gift")
		props := Properties(g)
		back, err := FromProperties(props, genMetadata...)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(props, Properties(back)); d != "" {
			t.Fatalf("not what went in:\n%s", d)
		}
		if v := props["gift_amount"]; v != "" && (!number.MatchString(v) || !back.Amount.Value.Equal(g.Amount.Value)) {
			t.Fatalf("amount %v became %q", g.Amount.Value, v)
		}
		for s, at := range g.ShownTimes() {
			if !back.Times[s].Equal(at) {
				t.Fatalf("time of %s: %v became %v", s, at, back.Times[s])
			}
		}
		// A journal that was rebuilt from the portal has nothing to write.
		if changes, _ := (Rules{}).Diff(g, Stored{ObjectID: "1", Gift: back.Redacted(), Mapping: Mapping}); len(changes) > 0 {
			t.Fatalf("would write %v again", changes)
		}
	})
}

func TestFromPropertiesUnreadable(t *testing.T) {
	g, err := FromProperties(map[string]string{
		"thnks_transaction_id": "T-1", "gift_name": "Tea", "gift_amount": "seven", "sent_date": "yesterday", "opened_date": "2026-01-02T03:04:05Z",
	})
	want := "property gift_amount: not a number\nproperty sent_date: not a datetime"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if g.ID != "T-1" || g.Name != "Tea" || g.Times[Opened].IsZero() {
		t.Errorf("the readable part is missing: %+v", g)
	}
	if _, err := FromProperties(nil); err == nil {
		t.Error("a record without a transaction id was accepted")
	}
}
