package configs

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// YAML returns the configuration as a file that [Load] reads as the same one:
// with every default filled in, in the order of the types, without what is not
// set. It has no secret in it, only the names of the files that hold them.
func (c *Config) YAML() ([]byte, error) {
	root := nodeOf(reflect.ValueOf(*c))
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return b.Bytes(), e.Close()
}

// Tree returns the configuration of [Config.YAML] as maps, lists and plain
// values, for other formats.
func (c *Config) Tree() (any, error) {
	var tree any
	if err := nodeOf(reflect.ValueOf(*c)).Decode(&tree); err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return tree, nil
}

// nodeOf returns the YAML of a setting or group, the inverse of
// [decoder.value], or nil for what is not set.
func nodeOf(v reflect.Value) *yaml.Node {
	switch value := v.Interface().(type) {
	case slog.Level:
		return scalar("!!str", strings.ToLower(value.String()))
	case Duration:
		return scalar("!!str", value.String())
	case netip.Prefix:
		return scalar("!!str", value.String())
	case *time.Location:
		if value == nil {
			return nil
		}
		return scalar("!!str", value.String())
	}
	switch v.Kind() {
	case reflect.String:
		if v.String() == "" {
			return nil
		}
		return scalar("!!str", v.String())
	case reflect.Int, reflect.Int64:
		return scalar("!!int", strconv.FormatInt(v.Int(), 10))
	case reflect.Bool:
		return scalar("!!bool", strconv.FormatBool(v.Bool()))
	case reflect.Pointer:
		return pointed(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i := range v.Len() {
			list.Content = append(list.Content, orEmpty(nodeOf(v.Index(i))))
		}
		return list
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: entries(v)}
	default:
		return group(v)
	}
}

// pointed returns the YAML of an optional setting, whose empty text is a value,
// or of an optional group, which may be empty.
func pointed(v reflect.Value) *yaml.Node {
	if v.IsNil() {
		return nil
	}
	if node := nodeOf(v.Elem()); node != nil || v.Elem().Kind() != reflect.Struct {
		return orEmpty(node)
	}
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
}

// group returns the YAML of a struct, or nil if nothing in it is set.
func group(v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	given := false
	for i, key := range keysOf(v.Type()) {
		switch {
		case key == "":
		case key == inline:
			given = given || !v.Field(i).IsNil()
			node.Content = append(node.Content, entries(v.Field(i))...)
		default:
			if item := nodeOf(v.Field(i)); item != nil {
				node.Content = append(node.Content, scalar("!!str", key), item)
			}
		}
	}
	if len(node.Content) == 0 && !given {
		return nil
	}
	return node
}

// entries returns the keys and values of a map, sorted by key.
func entries(v reflect.Value) (nodes []*yaml.Node) {
	m := map[string]reflect.Value{}
	for _, key := range v.MapKeys() {
		m[key.String()] = v.MapIndex(key)
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		nodes = append(nodes, scalar("!!str", key), orEmpty(nodeOf(m[key])))
	}
	return nodes
}

// scalar returns a value that YAML reads as this type: it is quoted where it
// would be read as another one.
func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// orEmpty returns the empty text for what is not set.
func orEmpty(node *yaml.Node) *yaml.Node {
	if node == nil {
		return scalar("!!str", "")
	}
	return node
}
