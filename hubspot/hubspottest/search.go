package hubspottest

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of search.
// https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm
const (
	searchGroups     = 5
	searchPerGroup   = 6
	searchFilters    = 18
	searchBody       = 3000
	searchPage       = 200
	searchResults    = 10_000
	searchQueryChars = 3000
)

type searchBodyIn struct {
	FilterGroups []struct{ Filters []filter }
	Sorts        []order
	Query        string
	Properties   []string
	Limit        int
	After        value
}

// An order is one sort of a search.
type order struct{ PropertyName, Direction string }

// UnmarshalJSON also takes what HubSpot's own clients send: the name alone,
// with a minus before it for descending.
// https://github.com/HubSpot/hubspot-api-nodejs, "CRM Search" of the README
func (o *order) UnmarshalJSON(b []byte) error {
	var name string
	if json.Unmarshal(b, &name) == nil {
		rest, down := strings.CutPrefix(name, "-")
		*o = order{PropertyName: rest}
		if down {
			o.Direction = "DESCENDING"
		}
		return nil
	}
	type plain order
	return json.Unmarshal(b, (*plain)(o))
}

type filter struct {
	PropertyName, Operator string
	Value, HighValue       value
	Values                 []value

	property *property
}

// A lagEntry keeps what search still shows of a record that has changed.
type lagEntry struct {
	due     time.Time
	rec     *record
	before  packed
	existed bool
}

// remember notes the state before a change, for as long as search lags.
func (p *Portal) remember(t *objectType, r *record, now time.Time, existed bool) {
	t.prune(now)
	if p.opt.SearchLag > 0 {
		t.lagging = append(t.lagging, lagEntry{now.Add(p.opt.SearchLag), r, r.values, existed})
	}
}

func (t *objectType) prune(now time.Time) {
	n := 0
	for n < len(t.lagging) && !t.lagging[n].due.After(now) {
		n++
	}
	t.lagging = t.lagging[n:]
}

func (c *call) search(t *objectType) answer {
	if len(c.body) > searchBody {
		return c.refuse(invalid("The request body is too long: %d characters, the limit is %d.", len(c.body), searchBody))
	}
	var in searchBodyIn
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	start, r := c.checkSearch(t, &in)
	if r != nil {
		return c.refuse(r)
	}
	stale := t.stale(c.now)
	var hits []view
	for _, rec := range t.candidates(in, stale) {
		v := view{rec: rec, values: rec.values}
		if old, ok := stale[rec]; ok {
			if !old.existed {
				continue
			}
			v.values = old.before
		}
		if rec.archived == 0 && c.matches(t, v, in) {
			hits = append(hits, v)
		}
	}
	c.sortHits(t, hits, in)
	show := c.projection(t, in.Properties)
	b := append([]byte(`{"total":`), strconv.Itoa(len(hits))...)
	b = append(b, `,"results":[`...)
	end := min(start+in.Limit, len(hits))
	for i := start; i < end; i++ {
		if i > start {
			b = append(b, ',')
		}
		hits[i].show = show
		b = c.appendView(b, t, hits[i])
	}
	b = append(b, ']')
	if end < len(hits) {
		b = append(b, `,"paging":`...)
		b = appendJSON(b, c.nextPage(strconv.Itoa(end)))
	}
	return answer{status: http.StatusOK, body: append(b, '}')}
}

// checkSearch enforces the bounds and resolves the properties of filters.
func (c *call) checkSearch(t *objectType, in *searchBodyIn) (start int, r *refusal) {
	if in.Limit == 0 {
		in.Limit = 10
	}
	filters := 0
	for _, g := range in.FilterGroups {
		if filters += len(g.Filters); len(g.Filters) > searchPerGroup {
			return 0, invalid("A filter group has at most %d filters.", searchPerGroup)
		}
		for i := range g.Filters {
			f := &g.Filters[i]
			if f.property = t.visible(f.PropertyName, c.now); f.property == nil {
				return 0, invalid("There was a problem with the request: property '%s' does not exist.", f.PropertyName)
			}
			if r := c.badAddress([]string{string(f.Value)}); r != nil {
				return 0, r
			}
			if !f.wellFormed() {
				return 0, invalid("There was a problem with the request: the operator %s lacks its value or does not exist.", f.Operator)
			}
		}
	}
	if in.After != "" {
		var err error
		if start, err = strconv.Atoi(string(in.After)); err != nil || start < 0 {
			return 0, invalid("Invalid value for after: %s", in.After)
		}
	}
	switch {
	case len(in.FilterGroups) > searchGroups:
		return 0, invalid("At most %d filter groups are allowed.", searchGroups)
	case filters > searchFilters:
		return 0, invalid("At most %d filters are allowed.", searchFilters)
	case in.Limit < 0 || in.Limit > searchPage:
		return 0, invalid("The limit must be between 1 and %d.", searchPage)
	case start+in.Limit > searchResults:
		return 0, invalid("Paging beyond %d results is not supported.", searchResults)
	case len(in.Sorts) > 1:
		return 0, invalid("Only one sort is supported.")
	case len(in.Query) > searchQueryChars:
		return 0, invalid("The query is too long.")
	}
	return start, nil
}

// stale is what search still shows instead of the present, by record.
func (t *objectType) stale(now time.Time) map[*record]lagEntry {
	t.prune(now)
	out := make(map[*record]lagEntry)
	for _, e := range t.lagging {
		if _, ok := out[e.rec]; !ok {
			out[e.rec] = e
		}
	}
	return out
}

// candidates narrows a search by an index where every filter group has one,
// so that a look-up by address does not read a million records.
func (t *objectType) candidates(in searchBodyIn, stale map[*record]lagEntry) []*record {
	if len(in.FilterGroups) == 0 {
		return t.order
	}
	if after, ok := behind(in); ok {
		i, _ := slices.BinarySearchFunc(t.order, after+1, func(r *record, id int64) int { return cmp.Compare(r.id, id) })
		return t.order[i:]
	}
	var out []*record
	seen := make(map[*record]bool)
	add := func(r *record) {
		if r != nil && !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	for _, g := range in.FilterGroups {
		i := slices.IndexFunc(g.Filters, filter.indexed)
		if i < 0 {
			return t.order
		}
		f := g.Filters[i]
		switch {
		case f.Operator == "CONTAINS_TOKEN" || f.Operator == "HAS_PROPERTY":
			for _, r := range f.property.index {
				add(r)
			}
		case f.property.Name == "hs_object_id":
			for _, v := range append(f.Values, f.Value) {
				add(t.find(string(v)))
			}
		default:
			for _, v := range append(f.Values, f.Value) {
				add(f.property.index[string(v)])
				add(f.property.index[strings.ToLower(string(v))])
			}
		}
	}
	for r := range stale {
		add(r)
	}
	slices.SortFunc(out, func(a, b *record) int { return cmp.Compare(a.id, b.id) })
	return out
}

// behind returns the id behind which all records are that the search may find, if it
// names one.
func behind(in searchBodyIn) (id int64, ok bool) {
	least := int64(math.MaxInt64)
	for _, g := range in.FilterGroups {
		i := slices.IndexFunc(g.Filters, func(f filter) bool { return f.property.Name == "hs_object_id" && f.Operator == "GT" })
		if i < 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(string(g.Filters[i].Value), 10, 64)
		if err != nil {
			return 0, false
		}
		least = min(least, n)
	}
	return least, true
}

// indexed reports whether an index holds everything that the filter can match.
func (f filter) indexed() bool {
	exact := f.Operator == "EQ" || f.Operator == "IN"
	switch {
	case f.property.Name == "hs_object_id":
		return exact
	case f.property.many:
		return f.property.index != nil && (exact || f.Operator == "CONTAINS_TOKEN" || f.Operator == "HAS_PROPERTY")
	}
	return exact && f.property.email
}

func (c *call) sortHits(t *objectType, hits []view, in searchBodyIn) {
	if len(in.Sorts) == 0 {
		return
	}
	pr := t.visible(in.Sorts[0].PropertyName, c.now)
	if pr == nil {
		return
	}
	slices.SortStableFunc(hits, func(a, b view) int {
		order := cmp.Compare(a.rec.id, b.rec.id)
		if pr.Name != "hs_object_id" {
			order = pr.compare(c.p.value(a.rec, pr, a.values), c.p.value(b.rec, pr, b.values))
		}
		if in.Sorts[0].Direction == "DESCENDING" {
			return -order
		}
		return order
	})
}
