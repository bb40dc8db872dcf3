// Package metrics shows how the daemon works as metrics in the format of
// Prometheus, in a registry of its own.
//
// Counters are fed when something happens: by the loops of the daemon, of which
// [Portal] is the meter, by the clients of both vendors, and by all that wait for
// them. Everything else is read when it is asked for: see [Service].
//
// Labels have few values. They are names of portals from the configuration, and
// words of this program: what others write never becomes one, and there are no
// names, addresses, ids or amounts. A value that this version does not know counts
// as "other".
package metrics
