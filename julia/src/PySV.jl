"""
    PySV

The Julia half of pysv. This version holds no engine yet; `pysv engines` lists what is ready.
"""
module PySV

end
