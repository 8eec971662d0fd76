package mongo

// ListFilter returns the filter of the records that a query lists.
var ListFilter = listFilter
