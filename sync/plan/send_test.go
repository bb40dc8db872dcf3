package plan

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

var sentTime = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// anOpenSend is a send, and its transaction as Thnks lists it.
func anOpenSend() (OpenSend, Gift) {
	s := OpenSend{ID: "r", At: sentTime, Gift: Gift{
		ID: SendGiftID("r"), Name: "Coffee", Amount: Money{decimal.RequireFromString("7.50"), "USD"}, Message: "Thank you",
		Sender: Person{Email: "ann@seller.example"}, Recipient: Person{Email: "bea@acme.example"},
	}}
	g := s.Gift
	g.ID, g.RequestID, g.Times = "T-1", "700001", map[Status]time.Time{Sent: sentTime.Add(time.Second)}
	return s, g
}

// TestTransactionOfASend: a transaction is a send's if all that is known of both fits.
func TestTransactionOfASend(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*OpenSend, *Gift)
		want   bool
	}{
		"as it was sent":            {func(*OpenSend, *Gift) {}, true},
		"message as a digest":       {func(s *OpenSend, g *Gift) { *g, s.Gift = g.Redacted(), s.Gift.Redacted() }, true},
		"without a message":         {func(_ *OpenSend, g *Gift) { g.Message = "" }, true},
		"another message":           {func(_ *OpenSend, g *Gift) { g.Message = "Other" }, false},
		"without all but the price": {func(_ *OpenSend, g *Gift) { g.Message, g.Name = "", "Kaffee" }, true},
		"without all but the name":  {func(_ *OpenSend, g *Gift) { g.Message, g.Amount = "", Money{}; g.Name = " coffee " }, true},
		"another gift": {func(_ *OpenSend, g *Gift) {
			g.Message, g.Name, g.Amount.Value = "", "Lunch", decimal.RequireFromString("25")
		}, false},
		"another currency":           {func(_ *OpenSend, g *Gift) { g.Message, g.Name, g.Amount.Currency = "", "Lunch", "EUR" }, false},
		"address in another case":    {func(_ *OpenSend, g *Gift) { g.Recipient.Email = "BEA@acme.example" }, true},
		"another recipient":          {func(_ *OpenSend, g *Gift) { g.Recipient.Email = "carl@acme.example" }, false},
		"no recipient":               {func(s *OpenSend, g *Gift) { s.Gift.Recipient.Email, g.Recipient.Email = "", "" }, false},
		"another sender":             {func(_ *OpenSend, g *Gift) { g.Sender.Email = "eve@seller.example" }, false},
		"a sender that is not known": {func(s *OpenSend, _ *Gift) { s.Gift.Sender.Email = "" }, true},
		"a sender that is not shown": {func(_ *OpenSend, g *Gift) { g.Sender.Email = "" }, true},
		"a clock behind":             {func(_ *OpenSend, g *Gift) { g.Times[Sent] = sentTime.Add(-15 * time.Minute) }, true},
		"before it":                  {func(_ *OpenSend, g *Gift) { g.Times[Sent] = sentTime.Add(-16 * time.Minute) }, false},
		"late":                       {func(_ *OpenSend, g *Gift) { g.Times[Sent] = sentTime.Add(24 * time.Hour) }, true},
		"long after it":              {func(_ *OpenSend, g *Gift) { g.Times[Sent] = sentTime.Add(25 * time.Hour) }, false},
		"by when it was made":        {func(_ *OpenSend, g *Gift) { g.Times = nil; g.CreatedAt = sentTime }, true},
		"the number of the request":  {func(s *OpenSend, g *Gift) { s.Gift.RequestID = "700001"; g.Recipient.Email, g.Times = "", nil }, true},
		"another number":             {func(s *OpenSend, _ *Gift) { s.Gift.RequestID = "700002" }, false},
	} {
		s, g := anOpenSend()
		c.change(&s, &g)
		if _, got := s.couldBe(g); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := len(Appeared([]OpenSend{s}, []Gift{g})) == 1; got != c.want {
			t.Errorf("%s: paired %v, want %v", name, got, c.want)
		}
	}
}

// TestAppearedChooses: of what fits more than once, the number of the request decides,
// then what Thnks has accepted, then the time, then the order of the ids.
func TestAppearedChooses(t *testing.T) {
	s, g := anOpenSend()
	named, certain, near, other := s, s, s, s
	named.ID, named.Gift.RequestID = "named", "700001"
	certain.ID, certain.Certain, certain.At = "certain", true, sentTime.Add(-time.Minute)
	near.ID, near.At = "near", g.Times[Sent]
	other.ID = "other"
	later := g
	later.ID, later.RequestID, later.Times = "T-2", "", map[Status]time.Time{Sent: sentTime.Add(time.Hour)}
	for want, open := range map[string][]OpenSend{
		"named":   {other, near, certain, named},
		"certain": {other, near, certain},
		"near":    {other, near},
		"other":   {s, other},
	} {
		if got := Appeared(open, []Gift{g}); len(got) != 1 || got[want] != "T-1" {
			t.Errorf("%v, want %s", got, want)
		}
	}
	want := map[string]string{"named": "T-1", "certain": "T-2"}
	if diff := cmp.Diff(want, Appeared([]OpenSend{other, near, certain, named}, []Gift{later, g})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAppearedProperties: whatever fits what, each send has at most one transaction and
// each transaction at most one send, all of which fit; no pair is left over that could
// still be made; and the order does not matter.
func TestAppearedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		someone := rapid.SampledFrom([]string{"bea@acme.example", "carl@acme.example"})
		number := rapid.SampledFrom([]string{"", "1", "2"})
		minutes := rapid.IntRange(-30, 30)
		var open []OpenSend
		for n := range rapid.IntRange(0, 6).Draw(t, "sends") {
			s, _ := anOpenSend()
			s.ID, s.Certain = string(rune('a'+n)), rapid.Bool().Draw(t, "certain")
			s.Gift.Recipient.Email, s.Gift.RequestID = someone.Draw(t, "to"), number.Draw(t, "number")
			s.At = sentTime.Add(time.Duration(minutes.Draw(t, "at")) * time.Minute)
			open = append(open, s)
		}
		var seen []Gift
		for n := range rapid.IntRange(0, 6).Draw(t, "transactions") {
			_, g := anOpenSend()
			g.ID = string(rune('A' + n))
			g.Recipient.Email, g.RequestID = someone.Draw(t, "of"), number.Draw(t, "numbered")
			g.Times = map[Status]time.Time{Sent: sentTime.Add(time.Duration(minutes.Draw(t, "sent")) * time.Minute)}
			seen = append(seen, g)
		}
		pairs := Appeared(open, seen)
		taken := slices.Sorted(maps.Values(pairs))
		if len(slices.Compact(slices.Clone(taken))) != len(taken) {
			t.Fatalf("a transaction is of two sends: %v", pairs)
		}
		for _, s := range open {
			for _, g := range seen {
				_, fits := s.couldBe(g)
				switch mine, has := pairs[s.ID]; {
				case mine == g.ID && !fits:
					t.Fatalf("%s does not fit %s", g.ID, s.ID)
				case fits && !has && !slices.Contains(taken, g.ID):
					t.Fatalf("%s and %s are left over in %v", s.ID, g.ID, pairs)
				}
			}
		}
		slices.Reverse(open)
		slices.Reverse(seen)
		if diff := cmp.Diff(pairs, Appeared(open, seen)); diff != "" {
			t.Fatalf("in another order:\n%s", diff)
		}
	})
}

// TestMakeSend: what a ledger says takes the place of what a record shows, but for what
// the ledger has forgotten; and then nothing is left to do.
func TestMakeSend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := anOpenSend()
		say := func() Gift {
			g := s.Gift
			g.Status = rapid.SampledFrom([]Status{Scheduled, Sent, Unknown}).Draw(t, "status")
			g.RawStatus = rapid.SampledFrom([]string{"", "cancelled"}).Draw(t, "word")
			g.Times = map[Status]time.Time{Scheduled: sentTime}
			if g.Status == Sent {
				g.Times[Sent] = sentTime
			}
			return g
		}
		r := Rules{Companies: true, MaxDeals: 10, Lookback: 24 * time.Hour, Now: sentTime}
		given := Given{
			Contact: Match{ID: rapid.SampledFrom([]string{"", "101"}).Draw(t, "contact"), Company: "9", Deals: []OpenDeal{{ID: "7"}}},
			Company: rapid.SampledFrom([]string{"", "8"}).Draw(t, "company"),
		}
		if rapid.Bool().Draw(t, "deal") {
			given.Deals = []OpenDeal{{ID: "5", Stage: "won", Amount: "12"}}
		}
		who := Directory{"bea@acme.example": {ID: "55", Company: "3", Deals: []OpenDeal{{ID: "4"}}}}
		first := MakeSend(say(), Stored{}, false, given, who, r)
		if first.Action != Create || first.Properties["message"] != "Thank you" || first.Orphan != "" {
			t.Fatalf("%+v", first)
		}
		want := map[Kind][]string{Contact: {"55"}, Company: {"3"}, Deal: {"4"}}
		if given.Contact.ID != "" {
			want = map[Kind][]string{Contact: {"101"}, Company: {"9"}, Deal: {"7"}}
		}
		if given.Company != "" {
			want[Company] = []string{given.Company}
		}
		if given.Deals != nil {
			want[Deal] = []string{"5"}
		}
		links := func(links []Link) map[Kind][]string {
			got := make(map[Kind][]string)
			for _, l := range links {
				got[l.Kind] = append(got[l.Kind], l.ID)
			}
			return got
		}
		if diff := cmp.Diff(want, links(first.Links)); diff != "" {
			t.Fatalf("links (-want +got):\n%s", diff)
		}
		have := first.Stored("1")
		for kind, was := range map[Kind]bool{Contact: given.Contact.ID != "", Company: given.Company != "", Deal: given.Deals != nil} {
			if slices.Contains(have.Given, kind) != was {
				t.Fatalf("%v was given: %v, and the record has %v", kind, was, have.Given)
			}
		}

		g := say()
		g.Message, g.Recipient.Name = "", ""
		now := MakeSend(g, have, true, Given{}, who, r)
		after := now.Stored("1")
		if after.Gift.Shown() != g.Status || after.Gift.RawStatus != g.RawStatus || !after.Gift.Times[Sent].Equal(g.Times[Sent]) {
			t.Fatalf("the record says %+v, the ledger %+v", after.Gift, g)
		}
		if _, cleared := now.Properties["message"]; cleared || after.Gift.MessageDigest != have.Gift.MessageDigest {
			t.Fatal("the text is lost")
		}
		if diff := cmp.Diff(links(have.Links), links(after.Links)); diff != "" && given.Contact.ID == "" && given.Deals == nil {
			t.Fatalf("links (-before +after):\n%s", diff)
		}
		for _, k := range have.Given {
			if diff := cmp.Diff(links(have.Links)[k], links(after.Links)[k]); diff != "" {
				t.Fatalf("of a kind that was given, links (-before +after):\n%s", diff)
			}
		}
		if again := MakeSend(g, after, true, Given{}, who, r); again.Action != Keep {
			t.Fatalf("once more: %+v", again)
		}
	})
}

// TestNeverSent: a gift of ours that has no status and no date was not sent; one of Thnks'
// was, whatever is known of it.
func TestNeverSent(t *testing.T) {
	sent := map[Status]time.Time{Sent: sentTime}
	for _, tt := range []struct {
		gift Gift
		want bool
	}{
		{Gift{ID: SendGiftID("s1"), Status: Unknown}, true},
		{Gift{ID: SendGiftID("s1"), Status: Unknown, Times: sent}, false},
		{Gift{ID: SendGiftID("s1"), Status: Sent}, false},
		{Gift{ID: "T-1", Status: Unknown}, false},
	} {
		if got := NeverSent(tt.gift); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.gift, got, tt.want)
		}
	}
}

// TestRekeyed: under its own id a record is written in full, and what Thnks says of the
// gift counts.
func TestRekeyed(t *testing.T) {
	s, g := anOpenSend()
	g.Status, g.UpdatedAt = Opened, sentTime.Add(time.Hour)
	sent := s.Gift
	sent.Status, sent.Times = Scheduled, map[Status]time.Time{Scheduled: sentTime}
	have := MakeSend(sent, Stored{}, false, Given{}, nil, Rules{}).Stored("1").Rekeyed("T-1")
	c := Make([]Gift{g}, map[string]Stored{"T-1": have}, nil, Rules{})[0]
	if c.Action != Update || c.ObjectID != "1" || c.Properties["thnks_transaction_id"] != "T-1" || c.Properties["status"] != "opened" || c.Properties["scheduled_date"] != "" {
		t.Errorf("%+v", c)
	}
	if _, whole := c.Properties["sender_email"]; !whole {
		t.Errorf("it is not written in full: %v", c.Properties)
	}
}
