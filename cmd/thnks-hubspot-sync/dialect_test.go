package main

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/thnksapi"
)

func TestDialectDefault(t *testing.T) {
	if diff := cmp.Diff(thnksapi.DefaultDialect(), dialect(configs.Dialect{})); diff != "" {
		t.Errorf("an empty dialect changes the default:\n%s", diff)
	}
}

// TestDialectComplete gives every setting a value of its own kind and checks
// that every field of the client's dialect has then changed: a setting that
// is forgotten here would be read from the file and have no effect.
func TestDialectComplete(t *testing.T) {
	var c configs.Dialect
	fill(reflect.ValueOf(&c).Elem())
	got, was := reflect.ValueOf(dialect(c)), reflect.ValueOf(thnksapi.DefaultDialect())
	unchanged(t, "Dialect", got, was)
}

// fill sets every field of a struct of settings.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.String:
		v.SetString("changed")
	case reflect.Int, reflect.Int64:
		v.SetInt(7777)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("changed"), elem)
	default:
		panic("no value for a " + v.Kind().String())
	}
}

func unchanged(t *testing.T, path string, got, was reflect.Value) {
	if got.Kind() == reflect.Struct {
		for i := range got.NumField() {
			unchanged(t, path+"."+got.Type().Field(i).Name, got.Field(i), was.Field(i))
		}
		return
	}
	if reflect.DeepEqual(got.Interface(), was.Interface()) {
		t.Errorf("%s cannot be set", path)
	}
}
