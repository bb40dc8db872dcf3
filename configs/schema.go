package configs

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema returns the JSON Schema (draft 2020-12) of a configuration file, for
// editors: keys, types, words and descriptions. What [Load] checks beyond that,
// such as keys that exclude each other, it does not know.
func Schema() []byte {
	root := schemaOf(reflect.ValueOf(*Default()), "")
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "Configuration of thnks-hubspot-sync"
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("configs: a schema of plain values: %v", err)) // it holds nothing else
	}
	return append(data, '\n')
}

// A schema is the part of JSON Schema that a configuration needs.
type schema struct {
	Schema      string      `json:"$schema,omitempty"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description,omitempty"`
	Type        string      `json:"type"`
	Enum        []string    `json:"enum,omitempty"`
	Pattern     string      `json:"pattern,omitempty"`
	Minimum     *int        `json:"minimum,omitempty"`
	Default     any         `json:"default,omitempty"`
	Properties  *properties `json:"properties,omitempty"`
	Required    []string    `json:"required,omitempty"`
	// Additional is false, or the schema of the keys that Properties lacks.
	Additional any     `json:"additionalProperties,omitempty"`
	Items      *schema `json:"items,omitempty"`
}

// properties are the keys of a group, in the order of the type.
type properties struct {
	keys    []string
	schemas []*schema
}

func (p *properties) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	for i, key := range p.keys {
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.schemas[i])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, ",%s:%s", name, value)
	}
	return []byte("{" + strings.TrimPrefix(b.String(), ",") + "}"), nil
}

// schemaOf returns the schema of the setting or group with this key. The value
// has its default.
func schemaOf(v reflect.Value, key string) *schema {
	s := &schema{}
	about := find(key)
	s.Description, s.Enum = about.text, about.words
	if v.Kind() == reflect.Pointer && v.Type() != reflect.TypeFor[*time.Location]() {
		inner := schemaOf(withDefaults(v.Type().Elem()).Elem(), key)
		inner.Default = nil // that of the account's API, which another package knows
		return inner
	}
	var node any
	if n := nodeOf(v); n != nil && v.Kind() != reflect.Struct {
		_ = n.Decode(&node) // a plain value
	}
	s.Default = node
	switch v.Interface().(type) {
	case slog.Level, *time.Location, netip.Prefix:
		s.Type = "string"
		return s
	case Duration:
		s.Type, s.Pattern = "string", `^([0-9]+d|([0-9.]+(h|m|s|ms))+)$`
		return s
	}
	switch v.Kind() {
	case reflect.String:
		s.Type = "string"
	case reflect.Int, reflect.Int64:
		s.Type, s.Minimum = "integer", new(int)
	case reflect.Bool:
		s.Type = "boolean"
	case reflect.Slice:
		s.Type, s.Items = "array", schemaOf(withDefaults(v.Type().Elem()).Elem(), key+"[]")
	case reflect.Map:
		s.Type, s.Additional = "object", schemaOf(withDefaults(v.Type().Elem()).Elem(), "")
	case reflect.Struct:
		s.group(v, key)
	}
	return s
}

// group describes the keys of a struct.
func (s *schema) group(v reflect.Value, key string) {
	s.Type, s.Properties, s.Additional = "object", &properties{}, false
	for i, name := range keysOf(v.Type()) {
		switch name {
		case "":
		case inline:
			s.Additional = &schema{Type: "string"}
		default:
			s.Properties.keys = append(s.Properties.keys, name)
			s.Properties.schemas = append(s.Properties.schemas, schemaOf(v.Field(i), join(key, name)))
			if find(join(key, name)).required {
				s.Required = append(s.Required, name)
			}
		}
	}
}

// find returns what users read about a key.
func find(key string) setting {
	if i := slices.IndexFunc(settings, func(s setting) bool { return s.key == key }); i >= 0 {
		return settings[i]
	}
	return setting{}
}
