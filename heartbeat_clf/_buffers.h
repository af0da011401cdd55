/* Arguments of compiled functions: contiguous numbers, as NumPy hands them over. */
#ifndef HEARTBEAT_CLF_BUFFERS_H
#define HEARTBEAT_CLF_BUFFERS_H

#include <Python.h>
#include <string.h>

/* Take `object` as contiguous numbers of one of the formats; their count, or -1. */
static Py_ssize_t take(PyObject *object, Py_buffer *view, const char *formats, int flags)
{
    if (PyObject_GetBuffer(object, view, flags | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS))
        return -1;
    if (view->format == NULL || strlen(view->format) != 1 ||
        strchr(formats, view->format[0]) == NULL || view->itemsize == 0) {
        PyErr_Format(PyExc_TypeError, "Expected numbers of format %s, got %s.", formats,
                     view->format == NULL ? "bytes" : view->format);
        PyBuffer_Release(view);
        return -1;
    }
    return view->len / view->itemsize;
}

#endif
