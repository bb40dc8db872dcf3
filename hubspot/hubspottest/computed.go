package hubspottest

import (
	"slices"
	"time"
)

// HubSpot computes some properties from others "in moments". Until then reads
// show the old value, although they show the new stage or association already.

type shownKey struct {
	rec *record
	pr  *property
}

type shownValue struct {
	value string
	until time.Time
}

// companyChanges must be called before a link is added or removed, because it may
// be the one to a contact's primary company.
func (p *Portal) companyChanges(a *record, l link) {
	contacts := p.byName["contacts"]
	switch {
	case l.kind.single && l.kind.from == contacts:
		p.keepShowing(contacts, a, time.Now())
	case l.kind.inverse.single && l.kind.to == contacts:
		p.keepShowing(contacts, l.to, time.Now())
	}
}

// stageChanges must be called before values are set, because a deal's stage may
// be among them.
func (p *Portal) stageChanges(t *objectType, r *record, changes []slotValue, now time.Time) {
	if slices.ContainsFunc(changes, func(c slotValue) bool { return t.slots[c.slot].stage && r.values.get(c.slot) != c.value }) {
		p.keepShowing(t, r, now)
	}
}

// keepShowing stores the computed properties that reads show until the
// computation is done. Several changes in that time are computed together, after
// the last.
func (p *Portal) keepShowing(t *objectType, r *record, now time.Time) {
	if p.opt.ComputedLag <= 0 {
		return
	}
	for _, pr := range t.slots {
		if pr.lags {
			p.shown[shownKey{r, pr}] = shownValue{p.value(r, pr, r.values), now.Add(p.opt.ComputedLag)}
		}
	}
}

// stillShown is the old value of a property whose computation is not done.
func (p *Portal) stillShown(r *record, pr *property) (old string, ok bool) {
	if !pr.lags || len(p.shown) == 0 {
		return "", false
	}
	v, ok := p.shown[shownKey{r, pr}]
	if ok && !time.Now().Before(v.until) {
		delete(p.shown, shownKey{r, pr})
		return "", false
	}
	return v.value, ok
}
