package stats

import (
	"cmp"
	"encoding/csv"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Sheet is one table of the statistics for spreadsheets and databases. Its
// first column is the portal.
type Sheet struct {
	Name   string // lower case words with underscores; a file is called so
	Header []string
	Rows   [][]string
}

// Sheets returns the reports as tables, always the same ones and in the same
// order. Numbers stand without separators, rates from 0 to 1, times in UTC as
// RFC 3339, and what is not known as an empty cell.
func Sheets(reports []Report) []Sheet {
	list := []Sheet{
		summarySheet(),
		{Name: "money", Header: []string{"portal", "currency", "gifts", "sent", "refunded", "net", "at_risk", "refundable", "average"}},
		{Name: "money_at_risk", Header: []string{"portal", "days", "gifts"}},
		{Name: "money_at_risk_value", Header: []string{"portal", "days", "currency", "value", "refundable"}},
		{Name: "cohorts", Header: []string{"portal", "month", "sent", "redeemed", "unredeemed", "immature", "undelivered", "cancelled", "rate", "at_least"}},
		{Name: "cohorts_value", Header: []string{"portal", "month", "currency", "sent", "redeemed", "unredeemed", "immature", "rate"}},
		{Name: "waits", Header: []string{"portal", "to", "median_minutes", "p90_minutes", "timed", "reached", "of"}},
		{Name: "trend", Header: []string{"portal", "from", "to", "before_from", "before_to", "number", "currency", "now", "before", "change"}},
		{Name: "funnel", Header: []string{"portal", "status", "gifts", "share"}},
		{Name: "by_status", Header: []string{"portal", "status", "gifts"}},
		{Name: "by_month", Header: []string{"portal", "month", "sent"}},
		{Name: "top_types", Header: []string{"portal", "name", "sent"}},
		{Name: "redemption_by_type", Header: []string{"portal", "name", "redeemed", "eligible", "rate"}},
		{Name: "top_senders", Header: []string{"portal", "name", "email", "sent"}},
		{Name: "top_companies", Header: []string{"portal", "id", "name", "sent", "redeemed", "eligible", "rate"}},
		{Name: "top_companies_value", Header: []string{"portal", "id", "currency", "value"}},
		{Name: "by_deal_stage", Header: []string{"portal", "stage", "name", "sent"}},
		{Name: "by_deal_size", Header: []string{"portal", "size", "sent"}},
		{Name: "value_by_deal_size", Header: []string{"portal", "size", "currency", "value", "average"}},
		{Name: "orphans", Header: []string{"portal", "reason", "gifts"}},
		{Name: "influenced", Header: []string{"portal", "outcome", "deals"}},
		{Name: "influenced_value", Header: []string{"portal", "outcome", "currency", "value"}},
		{Name: "win_rates", Header: []string{"portal", "deals", "won", "closed", "rate", "low", "high"}},
		{Name: "health", Header: []string{"portal", "last_sync", "watermark", "lag_minutes", "quarantined", "events_waiting", "calls_today", "calls_limit", "calls_left", "calls_as_of", "listed_at", "listing_calls"}},
		{Name: "live", Header: []string{"portal", "at", "number", "of", "hubspot", "journal"}},
		{Name: "live_findings", Header: []string{"portal", "kind", "transaction_id", "object_id", "field", "hubspot", "journal"}},
		{Name: "recent_activity", Header: []string{"portal", "time", "kind", "transaction_id", "gift", "recipient", "status", "url"}},
	}
	for _, r := range reports {
		f := filler{portal: r.Portal, sheets: list}
		f.single(r)
		f.amounts(r)
		f.courses(r)
		f.lists(r)
		f.influenced(r.Influenced)
		f.health(r)
		f.live(r.Live)
	}
	return list
}

// formula is how a cell begins that spreadsheets compute, with the wide forms of
// the signs; plainNumber is one that they only read.
var (
	formula     = regexp.MustCompile("^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
	plainNumber = regexp.MustCompile(`^-[0-9]+(\.[0-9]+)?$`)
)

// Write writes the sheet as CSV after RFC 4180. An apostrophe keeps spreadsheets
// from computing a cell; negative numbers have none.
func (s Sheet) Write(w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	_ = out.Write(s.Header) // Flush keeps the error
	for _, row := range s.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			if cells[i] = strings.ToValidUTF8(c, "\ufffd"); formula.MatchString(c) && !plainNumber.MatchString(c) {
				cells[i] = "'" + cells[i]
			}
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return out.Error()
}

// A filler adds the rows of one portal.
type filler struct {
	portal string
	sheets []Sheet
}

func (f filler) add(name string, cells ...string) {
	s := &f.sheets[slices.IndexFunc(f.sheets, func(s Sheet) bool { return s.Name == name })]
	s.Rows = append(s.Rows, append([]string{f.portal}, cells...))
}

func summarySheet() Sheet {
	return Sheet{Name: "summary", Header: []string{
		"portal", "made_at", "version", "time_zone", "from", "to", "sender", "type", "status", "currency", "last_sync",
		"total_sent", "redeemed", "eligible", "redemption_rate", "donated",
		"gifts", "matched", "ambiguous", "match_rate", "influenced_deals", "influenced_gifts", "companies",
	}}
}

func (f filler) single(r Report) {
	last := ""
	if r.LastSync != nil {
		last = r.LastSync.UTC().Format(time.RFC3339)
	}
	f.add("summary",
		r.MadeAt.UTC().Format(time.RFC3339), r.Version, r.TimeZone, r.Period.From, r.Period.To,
		r.Filter.Sender, r.Filter.Type, string(r.Filter.Status), r.Filter.Currency, last,
		itoa(r.TotalSent), itoa(r.Redeemed), itoa(r.Eligible), decimals4(r.RedemptionRate), itoa(r.Donated),
		itoa(r.Match.Gifts), itoa(r.Match.Matched), itoa(r.Match.Ambiguous), decimals4(r.Match.Rate),
		itoa(r.Influenced.Deals), itoa(r.Influenced.Gifts), itoa(r.Companies))
	for _, w := range []struct {
		to string
		Wait
	}{{"open", r.TimeToOpen}, {"redeem", r.TimeToRedeem}} {
		f.add("waits", w.to, known(w.Median), known(w.P90), itoa(w.Timed), itoa(w.Reached), itoa(w.Of))
	}
}

func (f filler) amounts(r Report) {
	for _, m := range r.ByCurrency {
		f.add("money", m.Currency, itoa(m.Gifts), m.Sent, m.Refunded, m.Net, m.AtRisk, m.Refundable, r.AverageValue[m.Currency])
	}
	for _, k := range r.MoneyAtRisk {
		f.add("money_at_risk", k.Days, itoa(k.Count))
		for _, currency := range sorted(k.Value) {
			f.add("money_at_risk_value", k.Days, currency, k.Value[currency], cmp.Or(k.Refundable[currency], "0"))
		}
	}
	for _, s := range r.ValueByDealSize {
		f.add("by_deal_size", s.Size, itoa(s.Count))
		for _, currency := range sorted(s.TotalValue) {
			f.add("value_by_deal_size", s.Size, currency, s.TotalValue[currency], s.AverageValue[currency])
		}
	}
	for _, c := range r.TopCompanies {
		f.add("top_companies", c.ID, c.Name, itoa(c.Sent), itoa(c.Redeemed), itoa(c.Eligible), decimals4(c.Rate))
		for _, currency := range sorted(c.Value) {
			f.add("top_companies_value", c.ID, currency, c.Value[currency])
		}
	}
}

func (f filler) courses(r Report) {
	for _, c := range r.Cohorts {
		f.add("cohorts", c.Month, itoa(c.Sent), itoa(c.Redeemed), itoa(c.Unredeemed), itoa(c.Immature), itoa(c.Undelivered), itoa(c.Cancelled), decimals4(c.Rate), decimals4(c.AtLeast))
		for _, currency := range sorted(c.Value) {
			v := c.Value[currency]
			f.add("cohorts_value", c.Month, currency, v.Sent, v.Redeemed, v.Unredeemed, v.Immature, decimals4(v.Rate))
		}
	}
	if t := r.Trend; t != nil {
		row := func(number, currency, now, before string, change *float64) {
			f.add("trend", t.Period.From, t.Period.To, t.Before.From, t.Before.To, number, currency, now, before, decimals4(change))
		}
		row("sent", "", itoa(t.Sent.Now), itoa(t.Sent.Before), t.Sent.Change)
		row("redeemed", "", itoa(t.Redeemed.Now), itoa(t.Redeemed.Before), t.Redeemed.Change)
		for _, currency := range sorted(t.Value) {
			v := t.Value[currency]
			row("value", currency, v.Now, v.Before, v.Change)
		}
	}
	for _, s := range r.Funnel {
		f.add("funnel", string(s.Status), itoa(s.Count), decimals4(s.Share))
	}
}

func (f filler) health(r Report) {
	h := r.Health
	f.add("health", instant(r.LastSync), instant(h.Watermark), known(h.LagMinutes), itoa(h.Quarantined), itoa(h.EventsWaiting), itoa(h.CallsToday),
		known(h.CallsLimit), known(h.CallsLeft), instant(h.CallsAsOf), instant(h.ListedAt), itoa(h.ListingCalls))
}

func (f filler) influenced(n Influenced) {
	for _, o := range []struct {
		name  string
		deals int
		value Amounts
	}{{"won", n.Won, n.WonValue}, {"lost", n.Lost, n.LostValue}, {"open", n.Open, n.OpenValue}, {"unlisted", n.Unlisted, nil}} {
		f.add("influenced", o.name, itoa(o.deals))
		for _, currency := range sorted(o.value) {
			f.add("influenced_value", o.name, currency, o.value[currency])
		}
	}
	for _, w := range []struct {
		of string
		WinRate
	}{{"influenced", n.WinRate}, {"without gifts", n.WithoutGifts}} {
		f.add("win_rates", w.of, itoa(w.Won), itoa(w.Closed), decimals4(w.Rate), decimals4(w.Low), decimals4(w.High))
	}
}

func (f filler) live(l *Reconciliation) {
	if l == nil {
		return
	}
	at := l.At.UTC().Format(time.RFC3339)
	f.add("live", at, "gifts", "", itoa(l.Gifts.HubSpot), itoa(l.Gifts.Journal))
	f.add("live", at, "foreign", "", itoa(l.Foreign), "")
	for _, s := range l.ByStatus {
		f.add("live", at, "status", string(s.Status), itoa(s.HubSpot), itoa(s.Journal))
	}
	for _, v := range l.Value {
		f.add("live", at, "value", v.Currency, v.HubSpot, v.Journal)
	}
	for _, x := range l.Findings {
		f.add("live_findings", x.Kind, x.TransactionID, x.ObjectID, x.Field, x.HubSpot, x.Journal)
	}
}

func (f filler) lists(r Report) {
	for _, s := range plan.Statuses() {
		f.add("by_status", string(s), itoa(r.ByStatus[s]))
	}
	for _, month := range sorted(r.ByMonth) {
		f.add("by_month", month, itoa(r.ByMonth[month]))
	}
	for _, t := range r.TopTypes {
		f.add("top_types", t.Name, itoa(t.Count))
	}
	for _, t := range r.RedemptionByType {
		f.add("redemption_by_type", t.Name, itoa(t.Redeemed), itoa(t.Eligible), decimals4(t.Rate))
	}
	for _, p := range r.TopSenders {
		f.add("top_senders", p.Name, p.Email, itoa(p.Count))
	}
	for _, s := range r.ByDealStage {
		f.add("by_deal_stage", s.ID, s.Name, itoa(s.Count))
	}
	for _, reason := range plan.Orphans() {
		f.add("orphans", string(reason), itoa(r.Orphans[reason]))
	}
	for _, a := range r.RecentActivity {
		f.add("recent_activity", a.Time.UTC().Format(time.RFC3339), a.Kind, a.TransactionID, a.Gift, a.Recipient, string(a.Status), a.URL)
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func itoa(n int) string { return strconv.Itoa(n) }

// decimals4 returns a rate as it stands in JSON, "" for none.
func decimals4(rate *float64) string {
	if rate == nil {
		return ""
	}
	return strconv.FormatFloat(*rate, 'f', -1, 64)
}

// instant returns a time in UTC, "" for none.
func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// known returns a number, "" for none.
func known(n *int) string {
	if n == nil {
		return ""
	}
	return itoa(*n)
}
