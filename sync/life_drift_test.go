package sync_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// drifts are what is wrong in the portal or at Thnks without an answer being
// false.
type drifts struct {
	fault string    // that a server has
	ahead time.Time // the latest stamp from the future

	drifting sync.Mutex
	during   func()    // happens at a call of the run
	until    int       // how many calls before it
	lacking  []lack    // what people took off the definition
	met      bool      // a record was refused for that
	looks    bool      // so that the program looks at the definition at once
	refusing string    // why HubSpot forbids calls
	limited  [2]string // the types that have a limit of links
	narrow   bool      // there was such a limit in the last episode
	astray   *life     // whose portal the token leads to
	pinned   bool      // the state file names the portal's account
	shut     bool      // HubSpot forbade something that a run cannot do without
	said     bool      // a run or the events said that it failed

	aside    map[string]bool // gifts of which a version was in quarantine when all was well again
	compared map[string]bool // markers of the versions of rows that records were held against
}

// A lack is something of ours that people took off the definition.
type lack struct {
	name, property string
	options        []string // of the property, or else it is gone as a whole
}

// The kinds of drift.
const (
	driftsDuringRun  = "portal: drifts during a run"
	propertyGone     = "portal: property deleted"
	statusesGone     = "portal: statuses deleted"
	currenciesGone   = "portal: currencies deleted"
	linksLimited     = "portal: links limited"
	downgraded       = "portal: no Enterprise tier"
	scopesGone       = "portal: scopes taken away"
	answersAsAnother = "portal: the token leads to another's"
)

type drift struct {
	name string
	do   func(n int) bool // reports whether it can happen
}

func (l *life) allDrifts() []drift {
	return []drift{
		{propertyGone, l.deleteProperty},
		{statusesGone, func(n int) bool { return l.deleteOptions(statusesGone, "status", n) }},
		{currenciesGone, func(n int) bool { return l.deleteOptions(currenciesGone, "gift_currency", n) }},
		{downgraded, l.downgrade},
		{scopesGone, l.takeScopes},
		{linksLimited, l.limitLinks},
		{answersAsAnother, l.stray},
	}
}

// drift has the portal drift, before or during a run. Whose the token
// is, a run finds out when it begins.
func (l *life) drift() {
	all := l.allDrifts()
	d, n := all[l.rng.IntN(len(all))], l.rng.IntN(1<<30)
	if l.rng.IntN(2) == 0 || d.name == answersAsAnother {
		d.do(n)
		return
	}
	l.until = l.rng.IntN(1 + l.rng.IntN(30))
	l.during = func() {
		if d.do(n) {
			l.struck.add(driftsDuringRun)
		}
	}
}

// deleteProperty deletes one that is not in use in the definition. Those that
// the checks of every moment read stay.
func (l *life) deleteProperty(n int) bool {
	s, ok := l.Portal.SchemaOf("thnks")
	if !ok {
		return false
	}
	var ours []string
	for _, p := range s.Properties {
		if !p.Archived && !slices.Contains([]string{"thnks_transaction_id", "gift_name", "tracking_url", "status"}, p.Name) && !strings.HasSuffix(p.Name, "_date") {
			ours = append(ours, p.Name)
		}
	}
	if len(ours) == 0 {
		return false
	}
	name := ours[n%len(ours)]
	l.Portal.ArchiveProperty("thnks", name)
	l.lack(lack{name: propertyGone, property: name})
	l.note("people: property %s deleted", name)
	return true
}

// lack notes what was taken off just now.
func (l *life) lack(gone lack) {
	l.lacking = append(l.lacking, gone)
	l.looks, l.met = false, false
}

// deleteOptions leaves one of an enumeration's options.
func (l *life) deleteOptions(name, property string, n int) bool {
	have := l.options(property)
	if len(have) < 2 {
		return false
	}
	keep := have[n%len(have)]
	l.Portal.SetOptions("thnks", property, keep)
	l.lack(lack{name, property, without(have, []string{keep})})
	l.note("people: all options of %s but %s deleted", property, keep)
	return true
}

// options are the values of an enumeration, none where it is not there.
func (l *life) options(property string) []string {
	s, _ := l.Portal.SchemaOf("thnks")
	for _, p := range s.Properties {
		if p.Name == property && !p.Archived {
			return p.Options
		}
	}
	return nil
}

func (l *life) downgrade(int) bool {
	l.Portal.SetTier(hubspottest.Professional)
	l.refusing = downgraded
	l.note("HubSpot: not an Enterprise account")
	return true
}

func (l *life) takeScopes(n int) bool {
	left := slices.DeleteFunc(hubspottest.DefaultScopes(), func(string) bool { n /= 2; return n%2 == 0 })
	l.Portal.SetScopes(left...)
	l.refusing = scopesGone
	l.note("HubSpot: only the scopes %v are left", left)
	return true
}

// limitLinks has an administrator allow few links from records of one type to
// those of another. Where HubSpot drops a link without a word, that looks as if
// people had removed it, and the end would be open.
func (l *life) limitLinks(n int) bool {
	if _, ok := l.Portal.SchemaOf("thnks"); !ok || l.dropsLinks {
		return false
	}
	from, to := "thnks", []string{"contacts", "companies", "deals"}[n%3]
	if n /= 3; n%2 == 0 {
		from, to = to, from
	}
	most := n / 2 % 3
	l.limited, l.narrowed = [2]string{from, to}, true
	l.Portal.LimitAssociations(from, to, most)
	l.note("people: at most %d links from %s to %s", most, from, to)
	return true
}

// stray has the token lead to another portal of the installation, as when two
// were mixed up. Before the first runs with a state file have come to their end,
// nothing is known of one's own.
func (l *life) stray(n int) bool {
	others := slices.DeleteFunc(slices.Clone(l.others), func(o *life) bool { return o == l })
	if len(others) == 0 || l.accompanied || !l.pinned {
		return false
	}
	l.astray = others[n%len(others)]
	l.note("HubSpot: the token is one of portal %s", l.astray.name)
	return true
}

// repair ends what an episode was to live with. What is lacking the program has
// to put back itself.
func (l *life) repair() {
	if l.shut && !l.said {
		l.T.Errorf("HubSpot forbade what a run cannot do without, and no error said so")
	}
	// A run that died may not have come to note it.
	l.looks, l.met = l.looks || l.met && l.steps.Death() == "", false
	l.during, l.refusing, l.astray, l.shut, l.said = nil, "", nil, false, false
	l.narrow = l.limited[0] != ""
	if l.narrow {
		l.Portal.LimitAssociations(l.limited[0], l.limited[1], 1_000_000)
		l.limited = [2]string{}
	}
	l.Portal.SetTier(hubspottest.Enterprise)
	l.Portal.SetScopes(hubspottest.DefaultScopes()...)
}

// amiss reports whether a run may fail for what the servers or people did.
func (l *life) amiss() bool {
	l.drifting.Lock()
	defer l.drifting.Unlock()
	return l.faulty || l.refusing != "" || l.astray != nil || l.limited[0] != "" || len(l.lacking) > 0
}

// heard notes that a failure was reported.
func (l *life) heard(err error) {
	l.drifting.Lock()
	defer l.drifting.Unlock()
	l.said = l.said || err != nil
}

// untilLooked is after what time the program looks at the definition again: at
// once where a record was refused, and otherwise daily.
func (l *life) untilLooked() time.Duration {
	if len(l.lacking) > 0 && !l.looks {
		return simulation.Day + time.Hour
	}
	return 0
}

// setAside notes the gifts of which a version is in quarantine. Until it is tried
// again they are linked by the address that they had before.
func (l *life) setAside(st *store.Store) {
	rows, err := st.QuarantinedByID(l.Thnks.IDs())
	if err != nil {
		l.T.Error(err)
	}
	l.aside = make(map[string]bool)
	for id := range rows {
		l.aside[id] = true
	}
}

// complete checks that everything was put back that is not left to the gifts that
// need it, which where there are none is all.
func (l *life) complete() {
	if len(l.records()) == 0 {
		return
	}
	for _, gone := range l.lacking {
		if gone.name != currenciesGone {
			l.T.Errorf("the definition still lacks %s %v", gone.property, gone.options)
		}
	}
	l.lacking = nil
}

// disturbed lies before HubSpot: there things drift while a run is under way,
// and from there what takes effect is seen.
func (l *life) disturbed(next http.RoundTripper) http.RoundTripper {
	return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
		l.drifting.Lock()
		if l.until--; l.during != nil && l.until < 0 {
			l.during()
			l.during = nil
		}
		l.drifting.Unlock()
		if l.astray != nil {
			return l.mistaken(req)
		}
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		l.drifting.Lock()
		defer l.drifting.Unlock()
		if resp.StatusCode == http.StatusForbidden && l.refusing != "" {
			l.struck.add(l.refusing)
			l.shut = l.shut || !strings.Contains(req.URL.Path, "/owners") && !aboutFeature(resp)
		}
		l.lacking = slices.DeleteFunc(l.lacking, l.putBack)
		resp.Body = &overheard{ReadCloser: resp.Body, look: l.overhear}
		return resp, nil
	})
}

// putBack reports whether something that was taken off is there again: of the
// currencies, those that gifts need.
func (l *life) putBack(gone lack) bool {
	s, _ := l.Portal.SchemaOf("thnks")
	for _, p := range s.Properties {
		still := len(without(gone.options, p.Options))
		back := still == 0 || gone.name == currenciesGone && still < len(gone.options)
		if p.Name == gone.property && !p.Archived && back {
			l.struck.add(gone.name)
			return true
		}
	}
	return false
}

// aboutFeature reports whether HubSpot refuses a call for want of a scope for companies or
// deals, without which a portal is synced.
func aboutFeature(resp *http.Response) bool {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return bytes.Contains(body, []byte("crm.objects.companies.")) || bytes.Contains(body, []byte("crm.objects.deals."))
}

// mistaken is a call with the token of another portal: all that may be asked is
// whose it is, and what it may do.
func (l *life) mistaken(req *http.Request) (*http.Response, error) {
	whose := req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/account-info/")
	if !whose && !strings.HasSuffix(req.URL.Path, "/access-token-info") {
		l.T.Errorf("portal %s: %s %s goes to portal %s", l.name, req.Method, req.URL.Path, l.astray.name)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+l.astray.Portal.Token())
	resp, err := hubspottest.Transport(l.astray.Portal).RoundTrip(req)
	if err == nil {
		l.struck.add(answersAsAnother)
		l.drifting.Lock()
		l.shut = l.shut || whose
		l.drifting.Unlock()
	}
	return resp, err
}

// limbo is a status that the program does not know.
const limbo = "in limbo"

// puzzle gives a gift an unknown status, or one that has it a known one.
func (l *life) puzzle() {
	id, at := l.row(), l.lately()
	if id == "" {
		return
	}
	l.change(id, at, func(tx *thnksapitest.Transaction) {
		if tx.Status == limbo {
			tx.Status, tx.Times.Opened = "opened", at
			return
		}
		tx.Status = limbo
	})
	tx, _ := l.Thnks.Transaction(id)
	l.note("Thnks: %s is %s as of %v", id, tx.Status, tx.UpdatedAt)
}

// shownOf is the status that a record has to show. With a status that is not
// known, that is what it was with the newest known one that the program has read:
// the newest of those that the record was held against, or one since. Where the
// state file was lost, it is what the record showed then, until a known one.
func (l *life) shownOf(tx thnksapitest.Transaction, events []store.Event, r hubspottest.Record) string {
	if l.compared == nil {
		l.compared = make(map[string]bool)
	}
	l.compared[tx.TrackingURL] = true
	if !unheardOf(tx) {
		return simulation.ShownStatus(tx, events)
	}
	read := false
	var may []string
	for _, v := range slices.Backward(l.versions[tx.ID]) {
		if !unheardOf(v) && !read {
			for _, at := range slices.Concat(l.stamps[v.TrackingURL], []time.Time{v.UpdatedAt}) { // whichever was read
				v.UpdatedAt = at
				may = append(may, simulation.ShownStatus(v, events))
			}
			read = l.compared[v.TrackingURL]
		}
	}
	if !read { // none of them may have been, and then every claim counts
		tx.UpdatedAt = time.Time{}
		may = append(may, simulation.ShownStatus(tx, events))
	}
	may = append(may, l.forgot.showed[tx.ID])
	if is := r.Properties["status"]; slices.Contains(may, is) {
		return is
	}
	return fmt.Sprint("one of ", may)
}
