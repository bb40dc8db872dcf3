package configs

import (
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// A decoder fills a Config from YAML nodes. It records the line of each key,
// and every problem.
type decoder struct{ report }

// A defaulter is a type whose fields have defaults.
type defaulter interface{ setDefaults() }

// value stores node n, whose path is key, in v.
func (d *decoder) value(n *yaml.Node, key string, v reflect.Value) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.unreadable(key, "an alias", "write the value out")
		return
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && n.Value != "":
		d.unreadable(key, "a word that YAML reads as no value", "put it in quotes, or remove the key")
		return
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		d.unreadable(key, "has no value", "give one, or remove the key")
		return
	}
	switch into := v.Addr().Interface().(type) {
	case *string:
		*into = d.text(n, key)
	case *int64:
		*into = d.integer(n, key, 64)
	case *int:
		*into = int(d.integer(n, key, strconv.IntSize))
	case *bool:
		parsed(d, n, key, into, parseBool, "neither true nor false", "write true or false, without quotes")
	case *slog.Level:
		parsed(d, n, key, into, parseLevel, "not a log level", "choose one of debug, info, warn, error")
	case *Duration:
		parsed(d, n, key, into, parseDuration, "not a duration", "write it like 90d, 12h or 15m")
	case *netip.Prefix:
		parsed(d, n, key, into, netip.ParsePrefix, "not an address range", "write it like 10.0.0.0/8 or 127.0.0.1/32")
	case **time.Location:
		parsed(d, n, key, into, parseZone, "not a known time zone", "write it like Europe/Amsterdam or UTC")
	default:
		d.composite(n, key, v)
	}
}

// composite stores a mapping or a list.
func (d *decoder) composite(n *yaml.Node, key string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(withDefaults(v.Type().Elem()))
		d.value(n, key, v.Elem())
	case reflect.Struct:
		fields := keysOf(v.Type())
		rest := slices.Index(fields, inline)
		if rest >= 0 {
			v.Field(rest).Set(reflect.MakeMap(v.Field(rest).Type()))
		}
		for name, item := range d.pairs(n, key) {
			switch i := slices.Index(fields, name); {
			case i >= 0 && name != "" && name != inline:
				d.value(item, join(key, name), v.Field(i))
			case rest >= 0:
				d.element(item, key, name, v.Field(rest))
			default:
				d.unknown(key, name, fields)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for name, item := range d.pairs(n, key) {
			d.element(item, key, name, v)
		}
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.unreadable(key, "not a list", "write it like [a, b], or one item a line after a dash")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", key, i)
			d.lines[at] = item.Line
			v.Index(i).Set(withDefaults(v.Type().Elem()).Elem())
			d.value(item, at, v.Index(i))
		}
	}
}

// element stores a value in a map, under its name.
func (d *decoder) element(n *yaml.Node, key, name string, m reflect.Value) {
	v := reflect.New(m.Type().Elem()).Elem()
	d.value(n, join(key, printable(name)), v)
	m.SetMapIndex(reflect.ValueOf(name), v)
}

// pairs yields the entries of a mapping, each key once, and records their
// lines.
func (d *decoder) pairs(n *yaml.Node, key string) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			d.unreadable(key, "not a group of keys", "write it as lines of key: value")
			return
		}
		seen := map[string]int{} // line by key
		for i := 0; i < len(n.Content); i += 2 {
			name, item := n.Content[i], n.Content[i+1]
			at := join(key, printable(name.Value))
			first, doubled := seen[name.Value]
			d.lines[at] = name.Line
			switch {
			case name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" && name.ShortTag() != "!!int":
				d.add(at, "the key is not a plain word", "put it in quotes, or remove it")
			case doubled:
				d.add(at, fmt.Sprintf("doubled key, already on line %d", first), "keep one of them")
			default:
				seen[name.Value] = name.Line
				if !yield(name.Value, item) {
					return
				}
			}
		}
	}
}

// withDefaults returns a pointer to a new t with its defaults.
func withDefaults(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	if v, ok := p.Interface().(defaulter); ok {
		v.setDefaults()
	}
	return p
}

// inline is the tag of a map that takes the keys which no other field has.
const inline = ",inline"

// keysOf lists the keys of a struct by field index, "" for a field that the
// file does not set.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("yaml")
	}
	return keys
}
