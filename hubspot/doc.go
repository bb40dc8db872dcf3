// Package hubspot calls the parts of HubSpot's CRM API that the sync uses, on
// the date-versioned paths (2026-09 by default).
//
// A [Client] belongs to one portal. It takes any number of inputs, cuts them
// into HubSpot's batch sizes, paces itself by one rate bucket per class of
// call, retries what may be retried and returns exactly one [Outcome] per
// input, in input order. Errors are [*Error] values; their text never holds a
// record's values, so it may be logged.
//
// The vendor's pages behind each call are named in its doc comment;
// https://developers.hubspot.com/docs is abbreviated D.
package hubspot
