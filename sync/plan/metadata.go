package plan

import (
	"cmp"
	"maps"
	"strings"
	"time"
	"unicode"
)

// A Detail is a value of a gift's metadata, which events carry.
type Detail struct {
	Value string
	At    time.Time // of the event; zero if it was read back from HubSpot
}

// metadataField is the property that holds a key of the metadata.
func metadataField(name string) Field {
	return Field{
		Name: name, Label: labelOf(name), Type: "string", FieldType: "text", Extra: true,
		value: func(g Gift) string { return line(g.Metadata[name].Value) },
		parse: func(g *Gift, v string) error {
			g.Metadata = joinMetadata(g.Metadata, map[string]Detail{name: {Value: v}})
			return nil
		},
	}
}

// labelOf makes a label of a property's name: "cost_center" becomes "Cost Center".
func labelOf(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' })
	for i, w := range words {
		first := []rune(w)
		first[0] = unicode.ToUpper(first[0])
		words[i] = string(first)
	}
	return strings.Join(words, " ")
}

// OfMetadata returns the gift with only those parts of its metadata that belong to
// these properties.
func (g Gift) OfMetadata(names []string) Gift {
	if len(g.Metadata) == 0 {
		return g
	}
	all := g.Metadata
	g.Metadata = nil
	for _, name := range names {
		if d, ok := all[name]; ok {
			g.Metadata = joinMetadata(g.Metadata, map[string]Detail{name: d})
		}
	}
	return g
}

// joinMetadata unites metadata: of each property the latest value stays, of equal
// times the greater one.
func joinMetadata(a, b map[string]Detail) map[string]Detail {
	if len(a) == 0 {
		return maps.Clone(b)
	}
	all := maps.Clone(a)
	for name, d := range b {
		if have, ok := all[name]; !ok || compareDetails(d, have) > 0 {
			all[name] = d
		}
	}
	return all
}

func compareDetails(a, b Detail) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Value, b.Value))
}

func sameMetadata(a, b map[string]Detail) bool {
	return maps.EqualFunc(a, b, func(x, y Detail) bool { return compareDetails(x, y) == 0 })
}
