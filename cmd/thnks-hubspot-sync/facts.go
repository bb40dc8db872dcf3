package main

import (
	"bytes"
	"encoding/json"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/export"
)

// facts returns a function that reads what rows of a portal's quarantine say of
// their gifts, by the settings of today. It needs no secrets. What is not in the
// row is left out.
func (s *session) facts(p configs.Portal, j *store.Store) func(json.RawMessage) giftsync.RowFacts {
	zone := zoneOf(p.TimeZone, j)
	exports, err := export.New(export.Config{Columns: p.Thnks.CSV.Columns, Dialect: dialect(p.Thnks.Dialect), Zone: zone})
	if err != nil {
		return nil
	}
	api, err := thnksapi.NewDecoder(dialect(p.Thnks.Dialect), zone)
	if err != nil {
		return nil
	}
	return func(raw json.RawMessage) giftsync.RowFacts {
		if export.Decodes(raw) {
			return factsOf("export file", exports.Decode(raw))
		}
		return factsOf("Thnks API", decodeAPI(api, raw))
	}
}

// decodeAPI reads a row of the API.
func decodeAPI(api *thnksapi.Decoder, raw json.RawMessage) []thnksapi.Row {
	var element map[string]any
	numbers := json.NewDecoder(bytes.NewReader(raw))
	numbers.UseNumber()
	if numbers.Decode(&element) != nil {
		return nil
	}
	return []thnksapi.Row{api.Decode(element, raw)}
}

// factsOf are the facts of the first of the transactions in a row.
func factsOf(source string, rows []thnksapi.Row) giftsync.RowFacts {
	f := giftsync.RowFacts{Source: source}
	if len(rows) == 0 || rows[0].Transaction == nil {
		return f
	}
	t := rows[0].Transaction
	f.GiftName = t.GiftName
	for _, at := range []time.Time{t.Times["sent"], t.CreatedAt, t.UpdatedAt} {
		if f.Date.IsZero() {
			f.Date = at
		}
	}
	return f
}
