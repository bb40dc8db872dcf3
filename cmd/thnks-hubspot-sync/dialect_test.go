package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

func TestDialectDefault(t *testing.T) {
	if diff := cmp.Diff(thnksapi.DefaultDialect(), dialect(configs.Dialect{})); diff != "" {
		t.Errorf("an empty dialect changes the default:\n%s", diff)
	}
}

// TestDialectComplete gives every setting a value that no other has, and finds it
// in the field of the client's dialect that has the setting's name: a setting that
// is forgotten in dialect would be read from the file and have no effect, and of
// two that are mixed up each would have the other's.
func TestDialectComplete(t *testing.T) {
	var c configs.Dialect
	settings := 0
	fill(reflect.ValueOf(&c).Elem(), &settings)
	arrived := 0
	arrives(t, "dialect", reflect.ValueOf(c), reflect.ValueOf(dialect(c)), &arrived)
	if arrived != settings || settings < 40 {
		t.Errorf("%d of %d settings were looked for", arrived, settings)
	}
}

// fill sets every field of a struct of settings, each to a value of its own. The
// number of values is n.
func fill(v reflect.Value, n *int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		*n++
		v.SetString(fmt.Sprintf("value %d", *n))
	case reflect.Int, reflect.Int64:
		*n++
		v.SetInt(int64(7000 + *n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key %d", *n)), elem)
	default:
		panic("no value for a " + v.Kind().String())
	}
}

// arrives compares what [fill] made with the field of the same name. The number of
// values compared is n.
func arrives(t *testing.T, path string, set, got reflect.Value, n *int) {
	switch set.Kind() {
	case reflect.Struct:
		for i := range set.NumField() {
			name := set.Type().Field(i).Name
			field := got.FieldByName(name)
			if !field.IsValid() {
				t.Errorf("the client has no %s.%s", path, name)
				continue
			}
			arrives(t, path+"."+name, set.Field(i), field, n)
		}
	case reflect.Pointer:
		arrives(t, path, set.Elem(), got, n)
	case reflect.Slice:
		if got.Len() != set.Len() {
			t.Errorf("%s has %d values, want %d", path, got.Len(), set.Len())
			return
		}
		for i := range set.Len() {
			arrives(t, path, set.Index(i), got.Index(i), n)
		}
	case reflect.Map:
		for _, key := range set.MapKeys() {
			value := got.MapIndex(key.Convert(got.Type().Key()))
			if !value.IsValid() {
				t.Errorf("%s lacks %s", path, key)
				continue
			}
			arrives(t, path, set.MapIndex(key), value, n)
		}
	default:
		*n++
		if want := set.Convert(got.Type()); !want.Equal(got) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// TestLeaveOutKnowsEveryProperty: each property of a record may be left out, but
// for the three that a record is nothing without.
func TestLeaveOutKnowsEveryProperty(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Fields() {
		dir := t.TempDir()
		if err := writeConfig(dir, "http://127.0.0.1:1", "http://127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "config.yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte("token_file: hubspot-token"), []byte("token_file: hubspot-token, leave_out: ["+f.Name+"]"), 1)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		needed := slices.Contains([]string{"thnks_transaction_id", "gift_name", "status"}, f.Name)
		if _, err := configs.Load(path); (err != nil) != needed {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
