package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/stats"
)

// A portal is one report on the page.
type portal struct {
	ID       string
	Name     string
	Facts    []fact // what the numbers are of
	Cards    []card
	Sections []section
}

// A fact is a word about a report and its value.
type fact struct {
	Name, Value string
}

// A card is a number that is shown large.
type card struct {
	ID     string
	Title  string
	Figure string
	Bar    string // in per cent, "" for none
	Note   string
	Means  []stats.Definition
}

// newOverall returns what portals have together. What does not add up stands with
// each of them.
func newOverall(o stats.Overall) portal {
	r := o.Report()
	added := slices.DeleteFunc(cards(r), func(c card) bool { return c.ID == "open" || c.ID == "redeem" })
	p := newPortal("overall", r, []section{
		moneySection(r), riskSection(r), funnelSection(r), influencedSection(r), winSection(r), statusSection(r), monthSection(r), orphanSection(r),
	}, added)
	p.Facts = []fact{
		{"In quarantine", digits(o.Quarantined)}, {"Events waiting", digits(o.EventsWaiting)}, {"HubSpot calls today", digits(o.CallsToday)},
	}
	return p
}

// newPortal returns one report as these parts show it.
func newPortal(id string, r stats.Report, parts []section, large []card) portal {
	p := portal{ID: id, Name: stats.Visible(r.Portal), Facts: factsOf(r), Cards: large}
	for j := range p.Cards {
		p.Cards[j].ID = p.ID + "-" + p.Cards[j].ID
	}
	for _, s := range parts {
		if len(s.Rows) == 0 {
			continue
		}
		s.ID = p.ID + "-" + s.ID
		for j := range s.Charts {
			s.Charts[j].ID = fmt.Sprintf("%s-chart%d", s.ID, j)
		}
		p.Sections = append(p.Sections, s)
	}
	return p
}

// factsOf says what the numbers are of, and how fresh they are.
func factsOf(r stats.Report) []fact {
	last := "never"
	if r.LastSync != nil {
		last = minute(*r.LastSync)
	}
	list := []fact{{"Last sync", last}, {"Made", minute(r.MadeAt)}}
	if r.Period != (stats.Period{}) {
		list = append(list, fact{"Sent", "from " + cmp.Or(r.Period.From, "the beginning") + " to " + cmp.Or(r.Period.To, "today")})
	}
	for _, f := range []fact{
		{"Only sender", r.Filter.Sender}, {"Only type", r.Filter.Type}, {"Only status", string(r.Filter.Status)}, {"Only currency", r.Filter.Currency},
	} {
		if f.Value != "" {
			list = append(list, f)
		}
	}
	list = append(list, fact{"Time zone", r.TimeZone}, fact{"Version", r.Version})
	for i := range list {
		list[i].Value = stats.Visible(shortened(list[i].Value))
	}
	return list
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// cards returns the numbers that are shown large.
func cards(r stats.Report) []card {
	list := []card{{ID: "sent", Title: "Thnks sent", Figure: digits(r.TotalSent), Note: trendNote(r.Trend), Means: means("total_sent")}}
	list = append(list, card{
		ID: "redemption", Title: "Redemption rate", Figure: stats.Percent(r.RedemptionRate), Bar: share(r.RedemptionRate).Bar,
		Note: digits(r.Redeemed) + " of " + digits(r.Eligible), Means: means("redemption_rate", "redeemed", "eligible"),
	})
	for _, m := range r.ByCurrency[:min(len(r.ByCurrency), 1)] {
		list = append(
			list,
			card{
				ID: "net", Title: "Net spend in " + currency(m.Currency), Figure: stats.Grouped(m.Net),
				Note: stats.Grouped(m.Sent) + " sent, " + stats.Grouped(m.Refunded) + " refunded", Means: means("by_currency"),
			},
			card{
				ID: "risk", Title: "At risk in " + currency(m.Currency), Figure: stats.Grouped(m.AtRisk),
				Note: stats.Grouped(m.Refundable) + " of it refundable", Means: means("money_at_risk"),
			},
		)
	}
	list = append(list, card{
		ID: "match", Title: "Match rate", Figure: stats.Percent(r.Match.Rate), Bar: share(r.Match.Rate).Bar,
		Note: digits(r.Match.Matched) + " of " + digits(r.Match.Gifts) + " in HubSpot", Means: means("match"),
	})
	for _, w := range []struct {
		id, title, field string
		stats.Wait
	}{{"open", "Time to open", "time_to_open", r.TimeToOpen}, {"redeem", "Time to redeem", "time_to_redeem", r.TimeToRedeem}} {
		list = append(list, card{
			ID: w.id, Title: w.title, Figure: stats.Duration(w.Median), Bar: part(w.Reached, w.Of).Bar,
			Note:  fmt.Sprintf("median; 90 %% within %s; %s of %s reached", stats.Duration(w.P90), digits(w.Reached), digits(w.Of)),
			Means: means(w.field),
		})
	}
	return append(
		list,
		card{
			ID: "influenced", Title: "Influenced deals", Figure: digits(r.Influenced.Deals),
			Note: "by " + digits(r.Influenced.Gifts) + " gifts", Means: means("influenced"),
		},
		card{ID: "donated", Title: "Donated", Figure: digits(r.Donated), Means: means("donated")},
	)
}

func trendNote(t *stats.Trend) string {
	if t == nil || t.Sent.Change == nil {
		return ""
	}
	return fmt.Sprintf("%s against %s to %s", change(t.Sent.Change).Text, t.Before.From, t.Before.To)
}

func digits(n int) string { return count(n).Text }

// currency is the name of a currency for people.
func currency(code string) string {
	if code == stats.NoCurrency {
		return "no currency"
	}
	return stats.Visible(shortened(code))
}

// means returns the definitions of parts of the report.
func means(fields ...string) []stats.Definition {
	var list []stats.Definition
	for _, d := range stats.Definitions() {
		if slices.Contains(fields, d.Field) {
			list = append(list, d)
		}
	}
	return list
}

// terms returns the definitions that stand beside no number of these portals.
func terms(list []portal) []stats.Definition {
	shown := make(names)
	note := func(defs []stats.Definition) {
		for _, d := range defs {
			shown.add(d.Field)
		}
	}
	for _, p := range list {
		for _, c := range p.Cards {
			note(c.Means)
		}
		for _, s := range p.Sections {
			note(s.Means)
		}
	}
	return slices.DeleteFunc(stats.Definitions(), func(d stats.Definition) bool { return shown[d.Field] })
}
