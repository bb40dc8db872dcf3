package hubspottest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// wellFormed reports whether the operator exists and has what it needs.
func (f *filter) wellFormed() bool {
	switch f.Operator {
	case "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN":
		return f.Value != ""
	case "BETWEEN":
		return f.Value != "" && f.HighValue != ""
	case "IN", "NOT_IN":
		return len(f.Values) > 0
	case "HAS_PROPERTY", "NOT_HAS_PROPERTY":
		return true
	}
	return false
}

// matches: groups are alternatives, the filters of a group all hold.
func (c *call) matches(t *objectType, v view, in searchBodyIn) bool {
	if in.Query != "" && !c.mentions(t, v, in.Query) {
		return false
	}
	if len(in.FilterGroups) == 0 {
		return true
	}
	for _, g := range in.FilterGroups {
		all := true
		for i := range g.Filters {
			f := &g.Filters[i]
			if !f.holds(c.p.value(v.rec, f.property, v.values)) || c.p.overlooks(f, v.rec) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// overlooks reports whether a filter misses a record that it should find.
func (p *Portal) overlooks(f *filter, rec *record) bool {
	return p.opt.HasPropertyBlind && f.Operator == "HAS_PROPERTY" && rec.id%2 == 1
}

// mentions looks for the words of a query in the searchable properties.
func (c *call) mentions(t *objectType, v view, query string) bool {
	names := t.face.searchable
	if !t.custom {
		names = t.defaults
	}
	for _, n := range names {
		if pr := t.visible(n, c.now); pr != nil && containsTokens(c.p.value(v.rec, pr, v.values), query) {
			return true
		}
	}
	return false
}

// holds compares as search does: case-insensitively, except in enumerations. The
// values of IN and NOT_IN are compared unchanged with the lower-cased text.
func (f *filter) holds(have string) bool {
	pr := f.property
	if have == "" {
		return f.Operator == "NOT_HAS_PROPERTY" || f.Operator == "NEQ" || f.Operator == "NOT_IN" || f.Operator == "NOT_CONTAINS_TOKEN"
	}
	switch f.Operator {
	case "HAS_PROPERTY":
		return true
	case "NOT_HAS_PROPERTY":
		return false
	case "EQ":
		return pr.compare(have, string(f.Value)) == 0
	case "NEQ":
		return pr.compare(have, string(f.Value)) != 0
	case "LT":
		return pr.compare(have, string(f.Value)) < 0
	case "LTE":
		return pr.compare(have, string(f.Value)) <= 0
	case "GT":
		return pr.compare(have, string(f.Value)) > 0
	case "GTE":
		return pr.compare(have, string(f.Value)) >= 0
	case "BETWEEN":
		return pr.compare(have, string(f.Value)) >= 0 && pr.compare(have, string(f.HighValue)) <= 0
	case "IN", "NOT_IN":
		return f.among(have) == (f.Operator == "IN")
	case "CONTAINS_TOKEN":
		return containsTokens(have, string(f.Value))
	}
	return !containsTokens(have, string(f.Value)) // NOT_CONTAINS_TOKEN
}

func (f *filter) among(have string) bool {
	pr := f.property
	var parts []string
	switch {
	case pr.many:
		parts = strings.Split(have, ";")
	case pr.Type == "string":
		parts = []string{strings.ToLower(have)}
	default:
		parts = []string{have}
	}
	return slices.ContainsFunc(f.Values, func(v value) bool { return slices.Contains(parts, string(v)) })
}

// compare orders two values of the property.
func (pr *property) compare(a, b string) int {
	switch {
	case pr.Type == "number":
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX == nil && errY == nil {
			// Record ids exceed what a float holds exactly.
			if len(a) == len(b) && len(a) > 15 {
				return strings.Compare(a, b)
			}
			return cmp.Compare(x, y)
		}
	case pr.Type == "datetime" || pr.Type == "date":
		x, _, okX := parseDate(a)
		y, _, okY := parseDate(b)
		if okX && okY {
			return x.Compare(y)
		}
	case pr.many:
		if slices.Contains(strings.Split(a, ";"), strings.ToLower(b)) {
			return 0
		}
	case pr.Type == "enumeration":
		return strings.Compare(a, b)
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// containsTokens reports whether the words of want stand in have one after
// the other, so that a@example.com is also found in b.a@example.com. A word
// may begin or end with *.
func containsTokens(have, want string) bool {
	h, w := tokens(have), tokens(want)
	if len(w) == 0 {
		return false
	}
	for i := 0; i+len(w) <= len(h); i++ {
		ok := true
		for j := range w {
			if !tokenMatches(h[i+j], w[j]) {
				ok = false
				break
			}
		}
		if ok {
			return true
		}
	}
	return false
}

func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r != '*' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func tokenMatches(have, want string) bool {
	core := strings.Trim(want, "*")
	front, back := strings.HasPrefix(want, "*"), strings.HasSuffix(want, "*")
	switch {
	case front && back:
		return strings.Contains(have, core)
	case front:
		return strings.HasSuffix(have, core)
	case back:
		return strings.HasPrefix(have, core)
	}
	return have == want
}
