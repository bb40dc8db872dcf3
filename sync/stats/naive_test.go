package stats

import (
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A naive recomputation says what each record is by itself.
type naive struct {
	plan.Stored
	o Options
}

func (n naive) at(s plan.Status) time.Time { return n.Gift.ShownTimes()[s] }
func (n naive) is(s plan.Status) bool      { return n.Gift.Shown() == s || !n.at(s).IsZero() }
func (n naive) redeemed() bool             { return n.is(plan.Redeemed) }
func (n naive) opened() bool               { return n.sent() && (n.is(plan.Opened) || n.redeemed()) }

func (n naive) sent() bool {
	return slices.ContainsFunc(plan.Statuses(), func(s plan.Status) bool { return s != plan.Scheduled && s != plan.Unknown && n.is(s) })
}

func (n naive) sentAt() time.Time {
	for _, at := range []time.Time{n.at(plan.Sent), n.at(plan.Scheduled), n.Gift.CreatedAt} {
		if !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

func (n naive) bounced() bool {
	shown := n.Gift.Shown()
	ended := shown == plan.Expired || shown == plan.Refunded
	return !n.redeemed() && (shown == plan.Undelivered || ended && !n.at(plan.Undelivered).IsZero())
}

func (n naive) unclaimed() bool {
	return n.sent() && !n.redeemed() && slices.Contains([]plan.Status{plan.Sent, plan.Delivered, plan.Opened, plan.Scheduled, plan.Unknown}, n.Gift.Shown())
}

// undated stands for the days that are left when no time is known.
const undated = 1e9

// daysLeft are those between today and the last day on which the gift can be
// opened or redeemed, by the calendar.
func (n naive) daysLeft() float64 {
	from, days := n.sentAt(), 30
	if n.opened() {
		days = 365
		if at := n.at(plan.Opened); !at.IsZero() {
			from = at
		}
	}
	if from.IsZero() {
		return undated
	}
	calendar := func(at time.Time) time.Time {
		t, _ := time.Parse(time.DateOnly, at.In(n.o.Location).Format(time.DateOnly))
		return t
	}
	return calendar(from).AddDate(0, 0, days).Sub(calendar(n.o.Now)).Hours() / 24
}

func (n naive) passes() bool {
	f, g := n.o.Filter, n.Gift
	kind := g.Type
	if kind == "" {
		kind = g.Name
	}
	if kind == "" {
		kind = "(none)"
	}
	currency := g.Amount.Currency
	if currency == "" {
		currency = "XXX"
	}
	return n.Deleted.IsZero() && (f.Status == "" || g.Shown() == f.Status) && (f.Type == "" || kind == f.Type) &&
		(f.Currency == "" || currency == f.Currency) &&
		(f.Sender == "" || g.Sender.Name == f.Sender || strings.EqualFold(strings.TrimSpace(g.Sender.Email), f.Sender))
}

func (n naive) day() string {
	if n.sentAt().IsZero() {
		return ""
	}
	return n.sentAt().In(n.o.Location).Format("2006-01-02")
}

func (n naive) month() string { return n.day()[:min(7, len(n.day()))] }

func (n naive) within(day, from, to string) bool {
	if day == "" {
		return from == "" && to == ""
	}
	return (from == "" || day >= from) && (to == "" || day <= to)
}
