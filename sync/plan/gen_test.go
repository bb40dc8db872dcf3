package plan

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// Generators draw from few values, so that equal and clashing ones are common.

var epoch = time.Date(2026, 3, 14, 9, 30, 0, 0, time.UTC)

// same treats nil and empty as equal, as the code does.
var same = cmp.Options{cmpopts.EquateEmpty()}

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return epoch.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "steps")) * 6 * time.Minute)
	})
}

func genStatus() *rapid.Generator[Status] { return rapid.SampledFrom(statuses) }

func genClaim() *rapid.Generator[Claim] {
	return rapid.Custom(func(t *rapid.T) Claim {
		return Claim{Status: genStatus().Draw(t, "status"), At: genTime().Draw(t, "at")}
	})
}

func genText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.String(), rapid.SampledFrom([]string{
		"Coffee", "a\r\nb\tc", " padded ", "nul\x00bell\a", "bad \xff utf8", "👨‍👩‍👧‍👦 é", "=1+1", "<b>x</b>", "\u202Eright to left",
	}))
}

func genMoney() *rapid.Generator[Money] {
	return rapid.Custom(func(t *rapid.T) Money {
		if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
			return Money{}
		}
		return Money{
			Value:    decimal.New(rapid.Int64Range(-1e12, 1e12).Draw(t, "units"), int32(rapid.IntRange(-4, 3).Draw(t, "exponent"))),
			Currency: rapid.SampledFrom([]string{"USD", "EUR", "JPY", "KWD"}).Draw(t, "currency"),
		}
	})
}

func genAddress() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"", " ", "ann@example.com", " Ann@Example.com ", "bob+gifts@example.org", "nobody@example.net", "not an address",
	})
}

// genSnapshot makes a gift as one answer of the source shows it.
func genSnapshot(id string) *rapid.Generator[Gift] {
	return rapid.Custom(func(t *rapid.T) Gift {
		g := Gift{
			ID:          id,
			RequestID:   rapid.SampledFrom([]string{"", "r1"}).Draw(t, "request"),
			Name:        genText().Draw(t, "name"),
			Type:        rapid.SampledFrom([]string{"", "Coffee", "Lunch"}).Draw(t, "type"),
			Amount:      genMoney().Draw(t, "amount"),
			Message:     genText().Draw(t, "message"),
			TrackingURL: rapid.SampledFrom([]string{"", "https://example.com/t/1"}).Draw(t, "url"),
			Sender:      Person{Name: genText().Draw(t, "sender"), Email: genAddress().Draw(t, "from")},
			Recipient:   Person{Name: genText().Draw(t, "recipient"), Email: genAddress().Draw(t, "to"), Phone: "+1 555 0100"},
			Status:      genStatus().Draw(t, "status"),
			RawStatus:   rapid.SampledFrom([]string{"", "SENT", "in transit"}).Draw(t, "raw"),
			CreatedAt:   genTime().Draw(t, "created"),
			UpdatedAt:   genTime().Draw(t, "updated"),
		}
		if rapid.IntRange(0, 9).Draw(t, "read lately") > 0 {
			g.ReadAt, g.Source = genTime().Draw(t, "read"), rapid.IntRange(0, 2).Draw(t, "source")
			g.Derived = rapid.Bool().Draw(t, "derived")
		}
		if rapid.IntRange(0, 9).Draw(t, "undated") == 0 {
			g.UpdatedAt = time.Time{}
		}
		if times := rapid.MapOfN(genStatus(), genTime(), 0, 4).Draw(t, "times"); len(times) > 0 {
			delete(times, Unknown)
			g.Times = times
		}
		return g
	})
}

// genPiece makes one report about a gift: a snapshot, a redacted one as the
// journal keeps it, a claim, a parcel or a note.
func genPiece(id string) *rapid.Generator[Gift] {
	return rapid.OneOf(
		genSnapshot(id),
		rapid.Map(genSnapshot(id), Gift.Redacted),
		rapid.Map(genClaim(), func(c Claim) Gift { return Gift{ID: id, Claims: []Claim{c}} }),
		rapid.Map(genNews(id), Gift.Redacted),
		genNews(id),
	)
}

// genMetadata are properties of a customer.
var genMetadata = []string{"cost_center", "campaign"}

// genNews makes what an event says apart from the status.
func genNews(id string) *rapid.Generator[Gift] {
	return rapid.Custom(func(t *rapid.T) Gift {
		at := genTime().Draw(t, "at")
		if rapid.IntRange(0, 2).Draw(t, "metadata") == 0 {
			g := Gift{ID: id, Metadata: make(map[string]Detail)}
			for name, text := range rapid.MapOfN(rapid.SampledFrom(genMetadata), genText(), 1, 2).Draw(t, "details") {
				g.Metadata[name] = Detail{Value: text, At: at}
			}
			return g
		}
		if rapid.IntRange(0, 3).Draw(t, "mail") == 0 {
			return Gift{ID: id, Mails: []Mail{{rapid.SampledFrom([]MailKind{Reminder, Expiration, Resend}).Draw(t, "kind"), at}}}
		}
		if rapid.Bool().Draw(t, "note") {
			return Gift{ID: id, ThankYou: Note{Text: genText().Draw(t, "text"), At: at}}
		}
		parcel := Parcel{Status: rapid.SampledFrom([]string{"inTransit", "delivered"}).Draw(t, "word"), At: at}
		if rapid.Bool().Draw(t, "day") {
			parcel.At, parcel.EventAt = at.Truncate(24*time.Hour).Add(-1), at
		}
		return Gift{ID: id, Parcel: parcel}
	})
}

// genGift makes a gift as it stands after several pieces were merged.
func genGift(id string) *rapid.Generator[Gift] {
	return rapid.Custom(func(t *rapid.T) Gift {
		return mergeAll(rapid.SliceOfN(genPiece(id), 1, 5).Draw(t, "pieces"))
	})
}

func mergeAll(pieces []Gift) Gift {
	var g Gift
	for _, p := range pieces {
		g = Merge(g, p)
	}
	return g
}

func genCandidate() *rapid.Generator[Candidate] {
	return rapid.Custom(func(t *rapid.T) Candidate {
		return Candidate{
			ID:         fmt.Sprint(rapid.IntRange(8, 12).Draw(t, "id")),
			Email:      genAddress().Draw(t, "email"),
			Additional: rapid.SliceOfN(genAddress(), 0, 2).Draw(t, "additional"),
			Company:    rapid.SampledFrom([]string{"", "9", "10"}).Draw(t, "company"),
			Created:    genTime().Draw(t, "created"),
		}
	})
}

func genMatch() *rapid.Generator[Match] {
	return rapid.Custom(func(t *rapid.T) Match {
		if rapid.IntRange(0, 3).Draw(t, "found") == 0 {
			return Match{}
		}
		m := Match{
			ID:        rapid.SampledFrom([]string{"99", "101"}).Draw(t, "id"),
			Company:   rapid.SampledFrom([]string{"", "9", "10"}).Draw(t, "company"),
			Ambiguous: rapid.Bool().Draw(t, "ambiguous"),
		}
		for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 0, 6, rapid.ID).Draw(t, "deals") {
			m.Deals = append(m.Deals, OpenDeal{ID: fmt.Sprint(id), Stage: "s1", Amount: "100", Created: genTime().Draw(t, "created")})
		}
		return m
	})
}

func genDirectory() *rapid.Generator[Directory] {
	return rapid.Map(rapid.MapOf(rapid.SampledFrom([]string{"ann@example.com", "bob+gifts@example.org", "nobody@example.net"}), genMatch()),
		func(m map[string]Match) Directory { return m })
}

func genRules() *rapid.Generator[Rules] {
	return rapid.Custom(func(t *rapid.T) Rules {
		return Rules{
			Companies: rapid.Bool().Draw(t, "companies"),
			MaxDeals:  rapid.IntRange(0, 4).Draw(t, "max"),
			Lookback:  time.Duration(rapid.IntRange(0, 2).Draw(t, "lookback")) * time.Hour,
			Now:       epoch.Add(90 * time.Minute),
		}
	})
}

// genStored makes a journal entry as an earlier plan would have left it.
func genStored(id string) *rapid.Generator[Stored] {
	return rapid.Custom(func(t *rapid.T) Stored {
		p := Make([]Gift{genGift(id).Draw(t, "written")}, nil, genDirectory().Draw(t, "who then"), genRules().Draw(t, "rules then"))
		s := p[0].Stored("7000")
		s.Mapping = rapid.SampledFrom([]int{Mapping, Mapping, Mapping - 1}).Draw(t, "mapping")
		if rapid.IntRange(0, 5).Draw(t, "gone") == 0 && has(s.Links, Contact) {
			s.Orphan = ContactGone
		}
		for i := range s.Links {
			if s.Links[i].Refused = rapid.IntRange(0, 9).Draw(t, "refused") == 0; s.Links[i].Refused && s.Links[i].Kind == Contact {
				s.Orphan = NoContact
			}
		}
		return s
	})
}
