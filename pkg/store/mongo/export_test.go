package mongo

// OpenMonitored is Open with a monitor of the commands that it sends.
var OpenMonitored = open
